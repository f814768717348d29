"""The deconvolution equals a plain one, captum's, and one by hand; each option does its part."""

import itertools
import warnings

import pytest
import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution
from networks import FOREIGN, assert_unchanged, random_foreign, random_images, random_tiny, snapshot
from torch import nn

from tinyvgg.deconv import Recording, deconvolve, find_switches, record, unpool

OPTIONS = list(itertools.product(("previous", "none"), ("all", "first"), (True, False)))
POOLS = [
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, stride=2),
    nn.MaxPool2d(3, stride=2, padding=1),
    nn.MaxPool2d((2, 3), stride=(1, 2), padding=(1, 0)),
    nn.MaxPool2d(2, stride=3),
    nn.MaxPool2d(2, stride=2, dilation=2),
    nn.MaxPool2d(3, stride=2, ceil_mode=True),
    nn.MaxPool2d(3, stride=3, padding=1, dilation=2, ceil_mode=True),
]


def tied(seed: int, shape=(2, 3, 9, 10)) -> torch.Tensor:
    """Maps of few distinct values, half of them zero, as after ReLU: full of ties."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, shape, generator=generator).clamp(min=0).double()


def by_hand_pool(x, kernel=2):
    """Max-pooling without overlap of one map (h, w), and the list of maxima of each window."""
    pooled, places = torch.zeros(x.shape[0] // kernel, x.shape[1] // kernel, dtype=x.dtype), {}
    for i in range(pooled.shape[0]):
        for j in range(pooled.shape[1]):
            window = [
                (kernel * i + u, kernel * j + v) for u in range(kernel) for v in range(kernel)
            ]
            pooled[i, j] = max(x[place] for place in window)
            places[i, j] = [place for place in window if x[place] == pooled[i, j]]
    return pooled, places


def plain_deconvolution(net, image, bias, ties, rectify):
    """Section 4 of the method, stage by stage, for one image, with loops for the pooling."""
    block = [net.features[5 * s : 5 * s + 5] for s in range(3)]
    x, places = image, []
    for s in range(3):
        for conv in (block[s][0], block[s][2]):
            x = F.conv2d(x[None], conv.weight, conv.bias, padding=1)[0].clamp(min=0)
        places.append([])
        pooled = []
        for one in x:
            one_pooled, one_places = by_hand_pool(one)
            pooled.append(one_pooled)
            places[s].append(one_places)
        x = torch.stack(pooled)
    m = x
    for s in (2, 1, 0):
        u = torch.zeros(m.shape[0], 2 * m.shape[1], 2 * m.shape[2], dtype=m.dtype)
        for c, windows in enumerate(places[s]):
            for window, maxima in windows.items():
                for place in maxima if ties == "all" else maxima[:1]:
                    u[(c, *place)] = m[(c, *window)]
        first, second = block[s][0], block[s][2]
        before = {2: block[1][2].bias, 1: block[0][2].bias, 0: None}[s]
        a = F.conv_transpose2d(u[None], second.weight, padding=1)[0]
        if bias == "previous":
            a = a + first.bias.reshape(-1, 1, 1)
        m = F.conv_transpose2d(a.clamp(min=0)[None], first.weight, padding=1)[0]
        if bias == "previous" and before is not None:
            m = m + before.reshape(-1, 1, 1)
        if s > 0 or rectify:
            m = m.clamp(min=0)
    return m


@pytest.mark.parametrize(("bias", "ties", "rectify"), OPTIONS)
def test_deconvolution_equals_the_plain_one_for_every_option(bias, ties, rectify):
    for seed in range(3):
        net, images = random_tiny(seed), random_images(seed)
        recording = record(net.features, images)
        result = deconvolve(net.features, recording, bias=bias, ties=ties, rectify=rectify)
        expected = [
            plain_deconvolution(net, image, bias, ties, rectify).detach() for image in images
        ]
        torch.testing.assert_close(result, torch.stack(expected), rtol=1e-12, atol=1e-12)
        assert result.abs().max() > 1e-3


def test_every_option_changes_the_picture():
    net, images = random_tiny(0), random_images(0)
    recording = record(net.features, images)
    pictures = [
        deconvolve(net.features, recording, bias=bias, ties=ties, rectify=rectify)
        for bias, ties, rectify in OPTIONS
    ]
    for one, other in itertools.combinations(pictures, 2):
        assert (one - other).norm() > 1e-3 * one.norm()


def test_a_5_by_5_image_worked_by_hand():
    """conv 2x2 of a 5x5 image, ReLU, max-pool 2x2: 5x5, 4x4, 2x2 and back.

    The kernel [[1, 0], [0, -1]] gives x[i, j] - x[i+1, j+1], and the bias takes 1 off.
    """
    image = torch.tensor(
        [
            [9, 1, 0, 2, 0],
            [4, 3, 0, 1, 1],
            [1, 2, 0, 0, 0],
            [0, 0, 0, 7, 2],
            [5, 0, 0, 3, 3],
        ]
    ).double()
    # differences            [[6, 1, -1, 1], [2, 3, 0, 1], [1, 2, -7, -2], [0, 0, -3, 4]]
    # minus 1, rectified     [[5, 0,  0, 0], [1, 2, 0, 0], [0, 1,  0,  0], [0, 0,  0, 3]]
    # pooled                 [[5, 0], [1, 3]]
    conv = nn.Conv2d(1, 1, 2).double()
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]]]))
        conv.bias.fill_(-1.0)
    features = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2))
    recording = record(features, image[None, None])
    assert recording.maps[0, 0].tolist() == [[5, 0], [1, 3]]
    # unpooled               [[5, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 3]]
    # transposed: v at (i, j) adds v at (i, j) and -v at (i+1, j+1)
    expected = [
        [5, 0, 0, 0, 0],
        [0, -5, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, -1, 3, 0],
        [0, 0, 0, 0, -3],
    ]
    # The upper right window holds nothing but zeros: its ties all give back zero.
    for bias, ties in itertools.product(("previous", "none"), ("all", "first")):
        signed = deconvolve(features, recording, bias=bias, ties=ties, rectify=False)
        assert signed[0, 0].tolist() == expected
        rectified = deconvolve(features, recording, bias=bias, ties=ties)
        assert rectified[0, 0].tolist() == [[max(v, 0) for v in row] for row in expected]
    # Other maps, the same switches: where the window had ties, the value comes back at each.
    ones = torch.ones(1, 1, 2, 2)
    everywhere = deconvolve(features, recording, maps=ones, ties="all", rectify=False)
    assert everywhere[0, 0].tolist() == [
        [1, 0, 1, 1, 0],
        [0, -1, 1, 0, -1],
        [0, 1, 0, -1, -1],
        [0, 0, -1, 1, 0],
        [0, 0, 0, 0, -1],
    ]


def test_two_convolutions_by_hand_add_the_bias_of_the_one_before():
    """1x1 kernels: x -> relu(2x + 3) = y -> relu(5y + 7); back: 2 * relu(5m + 3)."""
    first, second = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    for conv, weight, bias in ((first, 2.0, 3.0), (second, 5.0, 7.0)):
        nn.init.constant_(conv.weight, weight)
        nn.init.constant_(conv.bias, bias)
    features = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
    recording = record(features, torch.ones(1, 1, 1, 1))
    assert recording.maps.item() == 5 * 5 + 7
    assert deconvolve(features, recording).item() == 2 * (5 * 32 + 3)
    assert deconvolve(features, recording, bias="none").item() == 2 * 5 * 32
    first.bias = None
    assert deconvolve(features, recording).item() == 2 * 5 * 32


def captums(net, images, layer, maps):
    """captum's deconvolution of the maps, which it takes as a gradient at the layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = NeuronDeconvolution(net, layer)
        return method.attribute(images.clone(), lambda out: (out * maps).flatten(1).sum(dim=1))


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 2e-6), (torch.float64, 4e-15)])
def test_captum_agrees_on_tiny_vgg(dtype, rounding):
    for seed in range(3):
        net = random_tiny(seed, dtype=dtype)
        images = random_images(seed, dtype=dtype)
        recording = record(net.features, images)
        ours = deconvolve(net.features, recording, bias="none", ties="first", rectify=False)
        theirs = captums(net, images, net.features[-1], recording.maps)
        assert (ours - theirs).abs().max() <= rounding * theirs.abs().max()
        assert ours.abs().max() > 0


@pytest.mark.parametrize("kind", FOREIGN)
def test_captum_agrees_on_torchvision_style_networks(kind):
    net = random_foreign(kind, seed=0).eval()
    images = random_images(0, batch=2, image_size=kind.image_size)
    recording = record(net.features, images)
    ours = deconvolve(net.features, recording, bias="none", ties="first", rectify=False)
    theirs = captums(net, images, net.features[-1], recording.maps)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)
    assert ours.abs().max() > 1e-6


def test_strides_dilation_groups_and_words_for_padding_are_undone_as_autograd_does():
    """Without ReLU and bias, and with one maximum a window, the way back is the gradient."""
    features = nn.Sequential(
        nn.Conv2d(3, 6, (5, 3), stride=(3, 2), padding=(2, 0), dilation=(1, 2), groups=3),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(6, 4, 3, padding="same", dilation=2, bias=False),
        nn.Dropout2d(),
        nn.Conv2d(4, 4, 2, padding="valid", groups=2),
    ).double()
    images = random_images(4, image_size=23)
    recording = record(features, images)
    seed = torch.randn(recording.maps.shape, generator=torch.Generator().manual_seed(0)).double()
    images.requires_grad_()
    features.eval()(images).backward(seed)
    result = deconvolve(features, recording, maps=seed, bias="none", rectify=False)
    assert result.shape == images.shape
    torch.testing.assert_close(result, images.grad)


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_switches_are_the_maxima_of_each_window(pool):
    x = tied(0)
    switches = find_switches(x, pool)
    pooled = pool(x)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (
        v if isinstance(v, tuple) else (v, v)
        for v in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    assert switches.dtype == torch.bool
    assert switches.shape == (2, 3, kh * kw, *pooled.shape[-2:])
    for b, c, i, j in itertools.product(*map(range, pooled.shape)):
        for u, v in itertools.product(range(kh), range(kw)):
            row, column = i * sh - ph + u * dh, j * sw - pw + v * dw
            inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
            expected = inside and bool(x[b, c, row, column] == pooled[b, c, i, j])
            assert switches[b, c, u * kw + v, i, j] == expected


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_first_of_ties_is_the_one_whose_index_torch_returns(pool, seed):
    x = tied(seed)
    pooled = pool(x)
    values = torch.rand(pooled.shape, generator=torch.Generator().manual_seed(seed)).double()
    _, index = F.max_pool2d(
        x, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, True
    )
    expected = torch.zeros(2, 3, 90, dtype=torch.float64)
    expected.scatter_add_(2, index.flatten(2), values.flatten(2))
    result = unpool(values, find_switches(x, pool), pool, (9, 10), ties="first")
    torch.testing.assert_close(result, expected.reshape(x.shape))


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_all_of_ties_gives_every_maximum_the_value_and_overlapping_windows_add(pool):
    x = tied(3, shape=(1, 2, 9, 10))
    switches, pooled = find_switches(x, pool), pool(x) + 1
    (_, kw), (sh, sw), (ph, pw), (dh, dw) = (
        v if isinstance(v, tuple) else (v, v)
        for v in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    expected = torch.zeros_like(x)
    for b, c, number, i, j in switches.nonzero().tolist():
        row, column = i * sh - ph + number // kw * dh, j * sw - pw + number % kw * dw
        expected[b, c, row, column] += pooled[b, c, i, j]
    assert torch.equal(unpool(pooled, switches, pool, (9, 10)), expected)


def test_a_window_of_zeros_has_four_maxima_and_one_first():
    x, pool = torch.zeros(2, 2), nn.MaxPool2d(2)
    switches = find_switches(x, pool)
    assert switches.flatten().tolist() == [True] * 4
    value = torch.tensor([[5.0]])
    assert unpool(value, switches, pool, (2, 2)).tolist() == [[5, 5], [5, 5]]
    assert unpool(value, switches, pool, (2, 2), ties="first").tolist() == [[5, 0], [0, 0]]


def test_unpooling_restores_a_plain_image_at_its_maxima():
    image = torch.tensor([[1, 2, 5, 3], [4, 0, 1, 1], [7, 1, 0, 2], [2, 2, 9, 8]]).float()
    pool = nn.MaxPool2d(2)
    pooled = torch.tensor([[4, 5], [7, 9]]).float()
    result = unpool(pooled, find_switches(image, pool), pool, (4, 4))
    assert result.tolist() == [[0, 0, 5, 0], [4, 0, 0, 0], [7, 0, 0, 0], [0, 0, 9, 0]]


@pytest.mark.parametrize("kind", FOREIGN)
def test_recording_and_deconvolution_change_nothing(kind):
    net = random_foreign(kind, seed=2)
    images = random_images(2, batch=2, image_size=kind.image_size)
    before = snapshot(net, images)
    recording = record(net.features, images)
    inside = snapshot(net, recording.maps, *recording.switches)
    result = deconvolve(net.features, recording)
    assert not recording.maps.requires_grad and not result.requires_grad
    assert_unchanged(before, net, images)
    assert_unchanged(inside, net, recording.maps, *recording.switches)


def test_a_batch_is_its_images_one_by_one():
    net, images = random_tiny(5), random_images(5)
    together = deconvolve(net.features, record(net.features, images))
    for b in range(3):
        alone = deconvolve(net.features, record(net.features, images[b : b + 1]))
        torch.testing.assert_close(alone[0], together[b])


def test_the_recording_holds_the_maps_and_what_each_layer_was_given():
    net, images = random_tiny(6), random_images(6)
    recording = record(net.features, images)
    assert torch.equal(recording.maps, net.features(images))
    assert [tuple(s.shape) for s in recording.switches] == [
        (3, 6, 4, size, size) for size in (8, 4, 2)
    ]
    x = images
    for layer, size in zip(net.features, recording.sizes, strict=True):
        assert tuple(x.shape[1:]) == size
        x = layer(x)


def test_unknown_options_and_other_shapes_are_refused():
    net = random_tiny(0)
    recording = record(net.features, random_images(0))
    with pytest.raises(ValueError, match="bias must be one of 'previous', 'none', got 'own'"):
        deconvolve(net.features, recording, bias="own")
    with pytest.raises(ValueError, match="ties must be one of 'all', 'first', got 'last'"):
        deconvolve(net.features, recording, ties="last")
    with pytest.raises(ValueError, match=r"\(3, 6, 2, 2\), got \(3, 24\)"):
        deconvolve(net.features, recording, maps=recording.maps.flatten(1))
    with pytest.raises(ValueError, match=r"switches must have shape \(4, 1, 1\)"):
        unpool(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), nn.MaxPool2d(2), (2, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [(lambda layer: layer.double(), "features.2.weight is torch.float64"),
     (lambda layer: layer.to("meta"), "features.2.weight is on device 'meta'")],
)  # fmt: skip
def test_features_that_are_not_there_or_not_of_one_kind_are_refused(change, message):
    net = random_tiny(0, dtype=torch.float32)
    change(net.features[2])
    with pytest.raises(ValueError, match=message):
        record(net.features, random_images(0))


def test_a_recording_of_other_layers_is_refused():
    net = random_tiny(0)
    recording = record(net.features, random_images(0))
    for other in (random_tiny(0, width=4).features, net.features[:10]):
        with pytest.raises(ValueError, match="made with other layers"):
            deconvolve(other, recording)
    fewer = Recording(recording.maps, recording.switches[1:], recording.sizes)
    with pytest.raises(ValueError, match="made with other layers"):
        deconvolve(net.features, fewer)


def test_record_checks_layers_and_images():
    with pytest.raises(TypeError, match=r"features\[1\] is a Sigmoid"):
        record(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid()), random_images(0))
    with pytest.raises(ValueError, match="NaN"):
        record(random_tiny(0).features, random_images(0) * torch.nan)
