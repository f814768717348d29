"""What Fig. 4 draws is max-pooling and unpooling."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from tinyvgg.experiments.deconv_variants import VARIANTS
from tinyvgg.figures import unpooling as drawing

MATRIX = np.array([[3, 12, 4, 11], [1, 5, 8, 6], [15, 13, 7, 10], [14, 9, 2, 16]])
TIED = np.minimum(MATRIX, 9)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def pool_and_unpool_by_hand(x: np.ndarray, ties: str, times: int = 1):
    """Window by window: the pooled values, and the picture that they make again."""
    pooled = np.zeros((x.shape[0] // 2, x.shape[1] // 2))
    for row, column in np.ndindex(pooled.shape):
        pooled[row, column] = x[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].max()
    result, values = pooled, pooled
    if times > 1:
        result, values = pool_and_unpool_by_hand(pooled, ties, times - 1)
    back = np.zeros(x.shape)
    for row, column in np.ndindex(pooled.shape):
        for place in np.ndindex(2, 2):
            here = (2 * row + place[0], 2 * column + place[1])
            if x[here] == pooled[row, column]:
                back[here] = values[row, column]
                if ties == "first":
                    break
    return result, back


@pytest.mark.parametrize("ties", ["first", "all"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_pooling_and_unpooling_are_those_done_by_hand(ties, times):
    x = np.random.default_rng(times).integers(0, 4, (16, 16)).astype(float)
    pooled, back = drawing.pool_and_unpool(torch.as_tensor(x), ties, times)
    by_hand = pool_and_unpool_by_hand(x, ties, times)
    assert np.array_equal(pooled.numpy(), by_hand[0])
    assert np.array_equal(back.numpy(), by_hand[1])


def numbers(ax) -> list[float]:
    return [float(text.get_text()) for text in ax.texts]


def blue(ax) -> list[bool]:
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_fill()]
    return [to_hex(cell.get_facecolor()) == drawing.SWITCH.lower() for cell in cells]


def test_without_ties_the_numbers_drawn_are_before_pooled_and_back():
    axes = drawing.unpooling_in_numbers(MATRIX).axes
    back = [0, 12, 0, 11, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 16]
    assert [numbers(ax) for ax in axes] == [MATRIX.ravel().tolist(), [12, 11, 15, 16], back]


def test_with_ties_both_ways_back_are_drawn():
    axes = drawing.unpooling_in_numbers(TIED).axes
    assert numbers(axes[2]) == [0, 9, 0, 9, 0, 0, 0, 0, 9, 0, 0, 9, 0, 0, 0, 0]
    assert numbers(axes[3]) == [0, 9, 0, 9, 0, 0, 0, 0, 9, 9, 0, 9, 9, 9, 0, 9]


@pytest.mark.parametrize("matrix", [MATRIX, TIED])
def test_blue_cells_are_the_maxima_before_and_the_values_put_back_after(matrix):
    axes = drawing.unpooling_in_numbers(matrix).axes
    for ax in axes[2:]:
        assert blue(ax) == [value > 0 for value in numbers(ax)]
    assert blue(axes[0]) == blue(axes[-1])
    assert all(blue(axes[1]))


def test_the_part_enlarged_is_the_part_framed_in_every_column():
    image = np.random.default_rng(0).random((32, 32))
    axes = drawing.unpooling_in_a_picture(image, (8, 12), 8).axes
    for whole, part in zip(axes[:4], axes[4:], strict=True):
        frame = whole.patches[0]
        left, top, edge = (int(v) for v in (*frame.get_xy(), frame.get_width()))
        shown = np.asarray(whole.images[0].get_array())
        enlarged = np.asarray(part.images[0].get_array())
        assert np.array_equal(shown[top : top + edge, left : left + edge], enlarged)
        assert (top, left, edge) == tuple(v * len(shown) // 32 for v in (8, 12, 8))


def test_the_share_restored_is_written_over_every_picture():
    image = np.arange(256.0).reshape(16, 16)
    image[:, :8] = 0
    titles = [ax.get_title() for ax in drawing.unpooling_again_and_again(image, 2).axes]
    assert [title.rpartition(": ")[2] for title in titles] == [
        "8 × 8",
        "4 × 4",
        "25.0%",
        "6.2%",
        "62.5%",
        "53.1%",
    ]


def test_every_variant_is_shown_once_on_its_own_scale():
    pictures = {v: np.full((4, 4), 2.0 + k) for k, v in enumerate(VARIANTS)}
    axes = drawing.deconvolution_variants(np.zeros((4, 4, 3), np.uint8), pictures).axes
    shown = [ax for ax in axes if ax.images][1:]
    assert len(shown) == len({ax.get_title() for ax in shown}) == len(VARIANTS)
    assert all(np.allclose(ax.images[0].get_array(), 1) for ax in shown)


def test_a_variant_that_is_zero_everywhere_is_white():
    pictures = dict.fromkeys(VARIANTS, np.zeros((4, 4)))
    axes = drawing.deconvolution_variants(np.zeros((4, 4, 3), np.uint8), pictures).axes
    assert not np.asarray(axes[1].images[0].get_array()).any()
