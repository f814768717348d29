"""Same-count controls: which pixels they are, and the stream of random keys that they come from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from worlds import first_by_key, random_keys, random_pairs, random_world

from tinyvgg.experiments import control_sets
from tinyvgg.experiments.control_sets import (
    DRAWS,
    GRADIENT,
    LARGEST,
    MATCHED,
    RANDOM,
    SAMPLES,
    draws_for,
    fixed_control,
    matched_pixels,
    random_draws,
)
from tinyvgg.experiments.suppressions import (
    pixel_sets,
)


@pytest.fixture(scope="module")
def pairs():
    return random_pairs().misclassified


def random_maps(seed, batch=4):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(batch, 5, 4, 4, generator=generator, dtype=torch.float64)
    return torch.where(maps < 0.4, 0.0, maps**3), generator


def some_pixels(maps, generator, share=0.3):
    return (maps > 0) & (torch.rand(maps.shape, generator=generator) < share)


def draw(maps, pixels, seed=0):
    (keys,) = random_keys(maps, 1, seed)
    return matched_pixels(maps, pixels, keys[None])[0]


def sums(maps, pixels):
    return (maps * pixels).flatten(1).sum(dim=1)


# ---------------------------------------------------------------------- the stream of keys


@pytest.mark.parametrize("at_once", [1, 11, 256])
def test_a_random_set_is_the_first_active_pixels_by_key(at_once, monkeypatch):
    monkeypatch.setattr(control_sets, "AT_ONCE", at_once)
    maps, generator = random_maps(1)
    pixels = some_pixels(maps, generator)
    pixels[1], pixels[2] = False, maps[2] > 0
    found = [(one.random(pixels), one.keys) for one in random_draws(maps, 7, seed=5)]
    sets, keys = torch.cat([s for s, _ in found]), np.concatenate([k for _, k in found])
    assert max(len(some) for some, _ in found) <= max(1, at_once // len(maps))
    expected = random_keys(maps, 7, seed=5)
    np.testing.assert_array_equal(keys, expected)
    for made, one in zip(sets, expected, strict=True):
        assert torch.equal(made, first_by_key(maps, pixels, one))


def test_the_sets_of_one_draw_are_nested():
    maps, generator = random_maps(2)
    large = some_pixels(maps, generator, 0.7)
    small = large & some_pixels(maps, generator, 0.5)
    assert (small.flatten(1).sum(dim=1) < large.flatten(1).sum(dim=1)).all()
    for drawn in random_draws(maps, 9):
        one, two = drawn.random(small), drawn.random(large)
        assert not (one & ~two).any() and one.sum() < two.sum()


def test_the_stream_does_not_depend_on_what_is_drawn_from_it():
    maps, generator = random_maps(3)
    sets = [some_pixels(maps, generator, share) for share in (0.2, 0.6)]
    alone = torch.cat([drawn.random(sets[1]) for drawn in random_draws(maps, 90)])
    after = []
    for drawn in random_draws(maps, 90):
        drawn.random(sets[0])
        drawn.matched(sets[0])
        after.append(drawn.random(sets[1]))
    assert len(after) > 1  # it comes in several parts
    assert torch.equal(alone, torch.cat(after))
    more = torch.cat([drawn.random(sets[1]) for drawn in random_draws(maps, 120)])
    assert torch.equal(more[:90], alone)  # more draws go on where fewer ended


def test_draws_come_from_the_seed_alone_and_differ_from_each_other():
    maps, generator = random_maps(4)
    pixels = some_pixels(maps, generator)
    torch.manual_seed(0)
    one, same, other = (next(iter(random_draws(maps, 4, seed))) for seed in (7, 7, 8))
    for name in (RANDOM, MATCHED):
        sets = one.control(name, pixels)
        assert sets.shape == (4, *maps.shape)
        assert torch.equal(sets, same.control(name, pixels))
        assert not torch.equal(sets, other.control(name, pixels))
        assert not torch.equal(sets[0], sets[1])


def test_both_random_controls_of_a_draw_come_from_its_keys():
    maps, generator = random_maps(5)
    pixels = some_pixels(maps, generator)
    (drawn,) = random_draws(maps, 3)
    assert torch.equal(drawn.control(RANDOM, pixels), drawn.random(pixels))
    for made, keys in zip(drawn.control(MATCHED, pixels), drawn.keys, strict=True):
        assert torch.equal(made, matched_pixels(maps, pixels, keys[None])[0])
    with pytest.raises(KeyError):
        drawn.control(LARGEST, pixels)


def test_every_active_pixel_is_drawn_equally_often():
    maps, _ = random_maps(6, batch=1)
    active, count = int((maps > 0).sum()), 5
    pixels = torch.zeros_like(maps, dtype=torch.bool)
    pixels.view(-1)[maps.flatten().nonzero()[:count, 0]] = True
    draws = 3000
    drawn = sum(some.random(pixels).sum(dim=0) for some in random_draws(maps, draws))
    share = drawn[0].flatten()[maps.flatten() > 0] / draws
    expected = count / active
    assert (share - expected).abs().max() < 4.5 * (expected * (1 - expected) / draws) ** 0.5
    assert drawn[maps <= 0].sum() == 0


@pytest.mark.parametrize("images", [0, 1, 7, 80, 81, 200])
def test_as_many_sets_are_drawn_as_both_lower_bounds_ask_for_and_no_more(images):
    def enough(draws):
        return draws >= 50 and draws * max(1, images) >= 4000

    assert (DRAWS, SAMPLES) == (50, 4000)
    assert enough(draws_for(images)) and not enough(draws_for(images) - 1)


@pytest.mark.parametrize("draws", [0, -3])
def test_fewer_draws_than_one_are_refused(draws):
    for maps in (random_maps(0)[0], random_maps(0)[0][:0]):
        with pytest.raises(ValueError, match=f"draws must be 1 or more, got {draws}"):
            next(random_draws(maps, draws))


def test_no_images_give_no_draws():
    assert list(random_draws(random_maps(0)[0][:0], 3)) == []


# ---------------------------------------------------------------------- the matched control


@pytest.mark.parametrize("seed", range(5))
def test_matched_pixels_are_as_many_active_ones_of_nearly_the_same_sum(seed):
    maps, generator = random_maps(seed)
    pixels = some_pixels(maps, generator)
    pixels[0] = False
    drawn = draw(maps, pixels, seed)
    assert torch.equal(drawn.flatten(1).sum(dim=1), pixels.flatten(1).sum(dim=1))
    assert not (drawn & (maps <= 0)).any()
    exchange = maps.flatten(1).amax(dim=1)  # no exchange of two pixels changes the sum by more
    assert ((sums(maps, drawn) - sums(maps, pixels)).abs() <= exchange / 2 + 1e-9).all()
    assert torch.equal(drawn, draw(maps, pixels, seed))
    assert not torch.equal(drawn, draw(maps, pixels, seed + 100))


def sets_on_the_way(gumbel, a, count):
    """The `count` pixels of largest g + t a, for every t: sets in the order of t, by all pairs."""
    steps = sorted(
        (gumbel[i] - gumbel[j]) / (a[j] - a[i]) for i, j in itertools.combinations(range(len(a)), 2)
    )
    between = [(x + y) / 2 for x, y in itertools.pairwise([steps[0] - 1, *steps, steps[-1] + 1])]
    found = [frozenset(np.argsort(-(gumbel + t * a))[:count].tolist()) for t in between]
    return [some for some, _ in itertools.groupby(found)]


@pytest.mark.parametrize("seed", range(8))
def test_matched_pixels_are_the_first_by_a_score_that_only_the_activation_tilts(seed):
    maps, generator = random_maps(seed)
    pixels = some_pixels(maps, generator)
    keys = torch.rand(4, maps[0].numel(), generator=generator, dtype=torch.float64).numpy()
    (drawn,) = matched_pixels(maps, pixels, keys[None])
    for b in range(4):
        values = maps[b].flatten().numpy()
        active = np.flatnonzero(values)
        a, gumbel = values[active], -np.log(-np.log(keys[b, active]))
        total = float(values[pixels[b].flatten().numpy()].sum())
        found = frozenset(np.flatnonzero(drawn[b].flatten().numpy()[active]).tolist())
        way = sets_on_the_way(gumbel, a, int(pixels[b].sum()))
        level = [sum(a[list(some)]) for some in way]
        assert found in way and (np.diff(level) > -1e-12).all()
        nearest = min(abs(total - some) for some in level)
        assert abs(level[way.index(found)] - total) == pytest.approx(nearest)


@pytest.mark.parametrize("but_one", [False, True])
def test_the_match_of_one_pixel_is_not_one_of_the_two_ends(but_one):
    maps = torch.arange(1, 21, dtype=torch.float64).reshape(1, 20, 1, 1)
    pixels = (torch.arange(20) == 9).reshape(maps.shape) ^ but_one
    drawn = torch.cat([draw(maps, pixels, seed) for seed in range(40)])
    apart = (sums(maps, drawn) - sums(maps, pixels)).abs()
    assert (drawn.flatten(1).sum(dim=1) == (19 if but_one else 1)).all()
    assert len(set(sums(maps, drawn).tolist())) > 8
    assert apart.mean() < 5  # the ends are 9 and 10 away


def test_the_only_sets_of_their_sum_are_drawn_themselves():
    maps, _ = random_maps(7, 1)
    order = maps.flatten().argsort(descending=True)
    active = int((maps > 0).sum())
    for some in (order[:6], order[active - 6 : active], order[:active]):
        pixels = torch.zeros(maps.numel(), dtype=torch.bool)
        pixels[some] = True
        assert torch.equal(draw(maps, pixels.reshape(maps.shape)).flatten(), pixels)


def test_sets_of_one_sum_are_all_drawn():
    maps = torch.tensor([1.0, 2, 3, 4, 0, 0]).reshape(1, 6, 1, 1)
    pixels = torch.tensor([True, False, False, True, False, False]).reshape(maps.shape)
    drawn = [draw(maps, pixels, seed) for seed in range(30)]
    found = {tuple(some.flatten().nonzero()[:, 0].tolist()) for some in drawn}
    assert found >= {(0, 3), (1, 2)}  # 1 + 4 and 2 + 3
    assert all(abs(sums(maps, some) - 5) <= 1 for some in drawn)


def test_pixels_of_one_activation_are_drawn_evenly():
    maps = torch.ones(400, 4, 1, 1, dtype=torch.float64)
    pixels = torch.zeros(maps.shape, dtype=torch.bool)
    pixels[:, :2] = True
    drawn = draw(maps, pixels).flatten(1)
    pairs = [drawn[:, list(pair)].all(dim=1).sum() for pair in itertools.combinations(range(4), 2)]
    assert sum(pairs) == 400 and min(pairs) > 40


# ---------------------------------------------------------------------- all controls


def test_every_control_has_as_many_active_pixels(pairs):
    net, maps, target = random_world().net, pairs.case.maps, pairs.case.target
    for pixels in pixel_sets(pairs).values():
        counts = pixels.flatten(1).sum(dim=1)
        found = [
            fixed_control(name, net, maps, target, counts)[None] for name in (LARGEST, GRADIENT)
        ]
        found += [
            drawn.control(name, pixels)
            for drawn in random_draws(maps, 3, 1)
            for name in (RANDOM, MATCHED)
        ]
        for chosen in torch.cat(found):
            assert torch.equal(chosen.flatten(1).sum(dim=1), counts)
            assert not (chosen & (maps <= 0)).any()


def test_the_largest_are_the_largest(pairs):
    net, pixels = random_world().net, pairs.case.pixels
    counts = pixels.flatten(1).sum(dim=1)
    found = {
        name: fixed_control(name, net, pairs.case.maps, pairs.case.target, counts)
        for name in (LARGEST, GRADIENT)
    }
    for b in range(len(pairs)):
        maps = pairs.case.maps[b : b + 1].clone().requires_grad_()
        (slope,) = torch.autograd.grad(
            net.classifier(maps.flatten(1))[0, pairs.case.target[b]], maps
        )
        activations = maps.detach().flatten().numpy()
        products = (slope * maps).detach().flatten().numpy()
        (active,) = np.nonzero(activations)
        for name, scores in ((LARGEST, activations), (GRADIENT, products)):
            best = sorted(active, key=lambda r: -scores[r])[: int(counts[b])]
            assert set(found[name][b].flatten().nonzero()[:, 0].tolist()) == set(best)
