"""What a model may do and be read all the same, and what it is refused for, in which words."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from architectures import Function, conv, head, made, net, randomised, residual
from networks import assert_unchanged, snapshot
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from tinyvgg import as_network, backtrack, record
from tinyvgg.graph import Affine, Channels
from tinyvgg.layers import dense_layers


def images_of(channels=3, batch=3, size=16):
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(batch, channels, size, size, generator=generator, dtype=torch.float64)


def built(make, seed=0):
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        return make().double()


def assert_same(model, images, tolerance=1e-10):
    """The model is read, computes the same in evaluation mode, and stays as it is."""
    before = snapshot(model, images)
    network = as_network(model, images)
    assert_unchanged(before, model, images)
    plain = copy.deepcopy(model).eval()
    with torch.no_grad():
        expected = plain(images.clone())
    logits = network(images)
    assert any(
        torch.allclose(one, expected, tolerance, tolerance)
        for one in (logits, logits.softmax(1), logits.log_softmax(1))
    )
    backtrack(network, images)
    record(network.features, images)
    return network


def just_loaded(model):
    """A model with other weights that has not run since they were loaded."""
    model.load_state_dict({name: value + 0.3 for name, value in model.state_dict().items()})
    return model


def with_function(function, maps=8):
    return built(lambda: net(Function(function), conv(maps, 8), nn.ReLU()))


def with_top(function, units=5):
    layers = [conv(3, 8), nn.ReLU(), nn.Flatten(), nn.Linear(2048, units)]
    return built(lambda: nn.Sequential(*layers, Function(function)))


class Functional(nn.Module):
    """Everything in one forward pass, under other names."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deeper = conv(3, 8), nn.ModuleDict({"a": conv(8, 8), "b": conv(8, 4, 1)})
        self.kernel = nn.Parameter(torch.randn(5, 64) / 8)
        self.register_buffer("mean", torch.tensor([0.5, 0.4, 0.3]))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[-1] != 16:
            raise RuntimeError(f"made for 16 x 16, got {tuple(x.shape)}")
        x = (x - self.mean[None, :, None, None]) / torch.tensor([0.2] * 3).view(3, 1, 1).to(x)
        x = F.max_pool2d(torch.relu(self.stem(x)), 2)
        for name in sorted(self.deeper):
            x = self.deeper[name](x).relu()
        x = F.avg_pool2d(x, 2)
        return F.dropout(x.reshape(x.size(0), -1), 0.5, self.training) @ self.kernel.T


def test_names_nesting_and_functions_do_not_matter():
    model = built(Functional)
    assert model.training
    network = assert_same(model, images_of())
    assert isinstance(network.features.layers[0], Affine)  # the normalised input stays in front
    assert backtrack(network, images_of()).maps.shape == (3, 4, 8, 8)  # before the average


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_images_may_have_any_number_of_channels(channels):
    model = built(lambda: nn.Sequential(conv(channels, 8), nn.ReLU(), head()))
    assert_same(model, images_of(channels))


WEIGHTS = {
    "weight norm": lambda: weight_norm(conv(3, 8)),
    "weight norm of today": lambda: parametrizations.weight_norm(conv(3, 8)),
    "spectral norm": lambda: spectral_norm(conv(3, 8)),
    "spectral norm of today": lambda: parametrizations.spectral_norm(conv(3, 8)),
    "orthogonal": lambda: parametrizations.orthogonal(conv(3, 8)),
    "pruned": lambda: prune.l1_unstructured(conv(3, 8), "weight", 0.5),
}


@pytest.mark.parametrize("make", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("fresh", [False, True], ids=["", "just loaded"])
def test_weights_are_those_that_the_forward_pass_makes(make, fresh):
    model = built(lambda: nn.Sequential(make(), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 5)))
    if fresh:
        model = just_loaded(model)
    images = images_of()
    network = as_network(model, images)
    expected = model.eval()(images).detach()
    torch.testing.assert_close(network(images), expected)
    assert type(network.features.layers[0]) is nn.Conv2d


def test_weight_norm_that_was_just_loaded_is_not_what_the_module_holds():
    """The trap: `.weight` is of before the load until the module runs."""
    model = just_loaded(built(lambda: nn.Sequential(weight_norm(conv(3, 8)))))
    held = model[0].weight.clone()
    model(images_of())
    assert not torch.equal(model[0].weight, held)


def test_batch_norm_is_folded_and_its_statistics_stay():
    model = made("VGG-16, batch norm").train()
    images = images_of(size=32)
    network = assert_same(model, images)
    kinds = {type(layer) for layer in network.features.layers}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d}


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Flatten(), nn.Linear(2048, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5)],
        [nn.Flatten(), nn.Linear(2048, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 5)],
        [nn.Flatten(), nn.Linear(2048, 6), nn.ReLU(), nn.ReLU(), nn.Linear(6, 5)],
        [nn.Flatten(), nn.Linear(2048, 6), nn.Linear(6, 5)],
        [nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(2048, 6), nn.Softplus(), nn.Linear(6, 5)],
        [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(), nn.Linear(128, 5)],
        [nn.AvgPool2d(3, 2), nn.Flatten(), nn.Linear(392, 5), nn.Softmax(dim=1)],
        [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 5)],
        [conv(8, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
        [conv(8, 5, 1), nn.BatchNorm2d(5), nn.AvgPool2d(16), nn.Flatten(), nn.LogSoftmax(1)],
        [nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)],
        [nn.Flatten(), nn.Linear(2048, 5), nn.ReLU()],
        [nn.Flatten(), nn.Linear(2048, 5, bias=False), Function(lambda x: x / 2.5)],
        [Function(lambda x: x.mean((2, 3))), nn.Linear(8, 5)],
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), residual(nn.Linear(8, 8)), nn.Linear(8, 5)],
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5), residual(nn.Linear(5, 5))],
        [Function(lambda x: x.permute(0, 2, 3, 1).flatten(1)), nn.Linear(2048, 5)],
        [Function(lambda x: x[:, :, 8, 8]), nn.Linear(8, 5)],
    ],
    ids=lambda layers: "-".join(type(layer).__name__ for layer in layers),
)
def test_all_that_is_linear_after_the_last_maps_becomes_dense_layers(layers):
    model = built(lambda: randomised(nn.Sequential(conv(3, 8), nn.ReLU(), *copy.deepcopy(layers))))
    network = assert_same(model, images_of())
    assert network.features.layers[1].__class__ is nn.ReLU
    hidden = sum(isinstance(layer, nn.ReLU | nn.Softplus) for layer in model[2:])
    doubled = 1 if "ReLU(), ReLU()" in str(model).replace("\n", "") else 0
    assert len(dense_layers(network.classifier)) <= 1 + hidden - doubled


FUNCTIONS = {
    "clamp": lambda x: x.clamp(min=0),
    "clamp between": lambda x: x.clamp(0.1, 0.9),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "relu in place": lambda x: F.relu_(x * 2),
    "hardsigmoid": F.hardsigmoid,
    "square": lambda x: x.square(),
    "x times x": lambda x: x * x,
    "power": lambda x: F.relu(x) ** 2,
    "twice": lambda x: x + x,
    "difference": lambda x: x - 0.3 * x.flip(1),
    "scaled sum": lambda x: torch.add(x, F.relu(x), alpha=0.3),
    "constant": lambda x: 1 - x / torch.full((8, 1, 1), 3.0, dtype=x.dtype),
    "in place": lambda x: x.mul_(2).sub_(0.1),
    "channels": lambda x: torch.cat([x[:, 5:], x[:, :5].flip(1)], dim=1),
    "chunks": lambda x: torch.cat([F.relu_(x.chunk(2, 1)[0]), x.chunk(2, 1)[1]], dim=1),
    "unbound": lambda x: torch.cat([one.unsqueeze(1) for one in x.unbind(1)], dim=1),
    "index": lambda x: x[:, [7, 6, 5, 4, 3, 2, 1, 0]],
    "shuffle": lambda x: F.channel_shuffle(x, 2),
    "crop": lambda x: F.pad(x[:, :, 1:-1, 2:], (1, 1, 1, 1)),
    "every second": lambda x: x[:, :, ::2, 1::2],
    "space to depth": lambda x: torch.cat([x[:, :4, ::2, ::2], x[:, :4, 1::2, ::2]], 1),
    "padded channels": lambda x: F.pad(x[:, :6], (0, 0, 0, 0, 1, 1)),
    "pool over all": lambda x: x + F.adaptive_max_pool2d(x, 16),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "detached": lambda x: x.detach(),
    "nothing": lambda x: x + 0,
    "pad": lambda x: F.pad(x, (1, 0, 0, 2)),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_that_are_linear_or_never_negative_are_read(function):
    assert_same(with_function(function), images_of())


@pytest.mark.parametrize("function", [lambda x: x - 2 * x.flip(1), lambda x: -x, lambda x: x - 0.1])
def test_what_may_be_negative_ends_no_features(function):
    model = built(lambda: net(Function(function)))
    trace = backtrack(assert_same(model, images_of()), images_of())
    torch.testing.assert_close(trace.maps, model[:2](images_of()).detach())


@pytest.mark.parametrize("top", [lambda x: x.detach(), lambda x: x.double(), lambda x: x.clone()])
def test_copies_of_the_logits_are_the_logits(top):
    assert_same(with_top(top), images_of())


def test_an_affine_step_in_float64_keeps_all_its_digits():
    network = assert_same(with_function(lambda x: x * 0.1 + 0.7), images_of())
    (step,) = [layer for layer in network.features.layers if isinstance(layer, Affine)]
    assert step.factor.tolist() == [0.1] * 8 and step.shift.tolist() == [0.7] * 8


def test_a_channel_shuffle_is_one_choice_of_channels():
    network = assert_same(with_function(lambda x: F.channel_shuffle(x, 2)), images_of())
    (step,) = [layer for layer in network.features.layers if isinstance(layer, Channels)]
    assert step.chosen.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


@pytest.mark.parametrize(
    "top",
    [
        lambda x: x,
        torch.sigmoid,
        lambda x: x.squeeze(1),
        lambda x: torch.sigmoid(x).squeeze(),
        lambda x: torch.sigmoid(x.view(-1)),
    ],
)
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_one_output_is_two_classes_with_logits_0_and_x(top, batch):
    model = with_top(top, units=1)
    images = images_of(batch=batch)
    network = as_network(model, images)
    x = model[:4](images).detach()
    torch.testing.assert_close(network(images), torch.cat([torch.zeros_like(x), x], dim=1))
    trace = backtrack(network, images)
    assert trace.target.tolist() == (x[:, 0] > 0).long().tolist()
    torch.testing.assert_close(trace.probabilities[:, 1:], x.sigmoid())
    named = as_network(model, images, classes=["no", "yes"])
    assert named.classes == ["no", "yes"]


def test_wrappers_are_taken_off_and_one_with_a_forward_pass_of_its_own_is_not():
    inner, images = made("RepVGG"), images_of()
    expected = as_network(inner, images)(images)
    wrapped = nn.DataParallel(nn.DataParallel(inner))
    assert torch.equal(as_network(wrapped, images)(images), expected)

    class OptimizedModule(nn.Module):  # what torch.compile gives
        def __init__(self) -> None:
            super().__init__()
            self._orig_mod = inner

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("nothing is compiled")

    assert torch.equal(as_network(OptimizedModule(), images)(images), expected)

    class Normalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = inner

        def forward(self, x: Tensor) -> Tensor:
            return self.module((x - 0.5) / 0.2)

    network = assert_same(Normalised(), images)
    assert (network(images) - expected).abs().max() > 1e-3


def test_a_scripted_model_is_read():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.script(made("ResNet-18"))
    images = images_of(size=64)
    torch.testing.assert_close(as_network(model, images)(images), model(images).detach())


def test_hooks_that_change_an_output_are_part_of_what_is_read():
    model, images = made("RepVGG"), images_of()
    model[0].register_forward_hook(lambda module, given, output: output * 2)
    network = assert_same(model, images)
    torch.testing.assert_close(network(images), model(images).detach())


def test_a_residual_that_is_rectified_in_place_is_the_rectified_one():
    """x + f(x), where f begins by changing x itself."""
    model = built(lambda: net(residual(nn.ReLU(inplace=True), conv(8, 8)), nn.ReLU()))
    model[1] = nn.Identity()  # so that x has negative values
    images = images_of()
    expected = model.eval()(images).detach()
    torch.testing.assert_close(as_network(model, images)(images), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["ResNet-18", "GoogLeNet, transform_input", "DenseNet"])
def test_networks_of_few_digits_are_not_refused(name, dtype):
    model = made(name).to(dtype)
    images = images_of(size=64).to(dtype)
    trace = backtrack(as_network(model, images), images)
    assert trace.maps.dtype == dtype and trace.pixels.any()


# ---------------------------------------------------------------------- refused


NEGATIVE = {
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "tanh": nn.Tanh(),
    "hardswish": nn.Hardswish(),
    "mish": nn.Mish(),
    "prelu": nn.PReLU(),
    "rrelu_with_noise": nn.RReLU(),
    "celu": nn.CELU(),
    "log_sigmoid_forward": nn.LogSigmoid(),
    "hardshrink": nn.Hardshrink(),
    "softshrink": nn.Softshrink(),
    "hardtanh": nn.Hardtanh(),
}


@pytest.mark.parametrize("name", NEGATIVE)
@pytest.mark.parametrize("dense", [False, True], ids=["maps", "dense"])
def test_activations_below_zero_are_refused_by_name_with_the_reason(name, dense):
    layers = [nn.Flatten(), nn.Linear(2048, 6), NEGATIVE[name], nn.Linear(6, 5)]
    model = nn.Sequential(conv(3, 8), nn.ReLU(), *layers)
    if not dense:
        model = nn.Sequential(conv(3, 8), nn.ReLU(), conv(8, 8), NEGATIVE[name], head())
    place = rf"{4 if dense else 3} \({type(NEGATIVE[name]).__name__}\): {name} lets negative values"
    with pytest.raises(TypeError, match=f"{place}.*train it with a ReLU there instead"):
        as_network(model.double(), images_of())


MAPS = {
    "gate": (lambda x: x * torch.sigmoid(x.mean((2, 3), True)), "mul .*depend on the picture"),
    "mask": (lambda x: x * (x > 0.1), "gt is not among what can be traced"),
    "division": (lambda x: 1 / (1 + x), "reciprocal|depend on the picture"),
    "softsign": (F.softsign, "abs is not among"),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), "depend on the picture"),
    "soft-max": (lambda x: x.softmax(1), "softmax is known at the very end alone"),
    "layer norm": (lambda x: F.layer_norm(x, x.shape[1:]), "own mean and variance"),
    "group norm": (lambda x: F.group_norm(x, 2), "own mean and variance"),
    "instance norm": (F.instance_norm, "own mean and variance"),
    "batch norm by picture": (lambda x: F.batch_norm(x, None, None, training=True), "own mean"),
    "normalised": (F.normalize, "linalg_vector_norm is not among"),
    "dropout": (F.dropout, "random even in evaluation mode; give F.dropout training=self.training"),
    "dropout of maps": (F.dropout2d, "bernoulli is random"),
    "noise": (lambda x: x + torch.randn_like(x), "randn_like is random"),
    "if": (lambda x: x if x.mean() > 0 else -x, "depends on the values of the images"),
    "item": (lambda x: x * x.max().item(), "depends on the values of the images"),
    "boolean index": (lambda x: x[x > 0].sum() + x, "gt is not among"),
    "part in place": (lambda x: set_first(x.clone()), r"changed in place .*torch\.cat"),
    "part of a buffer": (lambda x: into_zeros(x), "changed in place"),
    "maxout": (lambda x: torch.maximum(x[:, :4], x[:, 4:]).repeat(1, 2, 1, 1), "maxout"),
    "rolled": (lambda x: x.roll(1, 3), "roll is not among"),
    "mirrored": (lambda x: x.flip(3), "flip rearranges maps"),
    "transposed": (lambda x: x.transpose(2, 3), "transpose rearranges maps"),
    "reflected": (lambda x: F.pad(x, (1, 1, 1, 1), "reflect"), "use padding by zeros"),
    "circular": (lambda x: F.pad(x, (1, 1, 1, 1), "circular"), "circular padding"),
    "padded by ones": (lambda x: F.pad(x, (1, 1, 1, 1), value=1.0), "another value than zero"),
    "enlarged": (lambda x: F.interpolate(x, scale_factor=2), "upsample_nearest2d enlarges"),
    "odd average": (lambda x: F.adaptive_avg_pool2d(x, 5), "16 x 16 to 5 x 5 .*that divides"),
    "of pixels": (lambda x: x + torch.ones(16, 16).to(x), "differs between the pixels"),
    "centred": (lambda x: x - x.mean((2, 3), keepdim=True), "different sizes"),
    "of the batch": (lambda x: x - x.mean(0, keepdim=True), "other dimensions"),
    "patches": (lambda x: F.unfold(x, 2, stride=2).view(len(x), 8, 16, 16), "im2col is not among"),
    "einsum": (lambda x: torch.einsum("bchw,dc->bdhw", x, torch.ones(8, 8).to(x)), "rearranges"),
    "three dimensions": (lambda x: F.conv3d(x[:, None], torch.ones(1, 1, 1, 1, 1).to(x))[:, 0],
                         "rearranges maps|not two-dimensional"),
    "one dimension": (lambda x: F.conv1d(x.flatten(2), torch.ones(8, 8, 1).to(x)).view(x.shape),
                      "rearranges maps|not two-dimensional"),
    "transposed convolution": (lambda x: F.conv_transpose2d(x, torch.ones(8, 8, 1, 1).to(x)),
                               "transposed or not two-dimensional; only Conv2d"),
    "dynamic kernel": (lambda x: F.conv2d(x, x[:1, :, :3, :3], padding=1).expand(-1, 8, -1, -1),
                       "depend on the picture|rearranges"),
}  # fmt: skip


def set_first(x):
    x[:, 0] = x[:, 1] * 2
    return x


def into_zeros(x):
    made = torch.zeros(x.shape, dtype=x.dtype)
    made[:, 1:] = x[:, :-1]
    return made


@pytest.mark.parametrize("name", MAPS)
def test_what_cannot_be_traced_among_maps_is_refused_with_place_and_reason(name):
    function, reason = MAPS[name]
    with pytest.raises(TypeError, match=reason) as refused:
        as_network(with_function(function), images_of())
    assert "Function)" in str(refused.value) or "Conv2d)" in str(refused.value)


TOPS = {
    "tanh": (torch.tanh, r"4 \(Function\): tanh lets negative values through"),
    "several sigmoids": (torch.sigmoid, "each of 5 outputs a probability.*return the logits"),
    "logarithm of soft-max": (lambda x: x.softmax(1).log(), "softmax is known at the very end"),
    "cosine": (F.normalize, "linalg_vector_norm is not among"),
    "classes": (lambda x: x.argmax(1), "argmax is not among"),
    "tuple": (lambda x: (x, x), "returns tuple and not one tensor.*returns the logits alone"),
    "dictionary": (lambda x: {"logits": x}, "returns dict and not one tensor"),
    "nothing": (lambda x: None, "returns NoneType"),
    "array": (lambda x: x.numpy(), "returns ndarray"),
    "zeros": (lambda x: torch.zeros(len(x), 5), "does not depend on the images"),
    "one row": (lambda x: x[0], r"of shape \(5,\) for 2 images"),
    "maps": (lambda x: x[:, :, None, None], r"of shape \(2, 5, 1, 1\) for 2 images"),
    "random": (F.dropout, "bernoulli is random even in evaluation mode"),
    "layer norm": (lambda x: F.layer_norm(x, (5,)), "own mean and variance"),
    "bilinear": (lambda x: x @ x.T, "mm .*depend on the picture"),
    "rows of two": (lambda x: torch.cat([x, torch.zeros(len(x), 1).to(x)], 1), "another number of"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOPS)
def test_what_cannot_be_traced_among_dense_layers_is_refused(name):
    function, reason = TOPS[name]
    with pytest.raises(TypeError, match=reason):
        as_network(with_top(function), images_of())


@pytest.mark.parametrize(
    "top",
    [lambda x: x - x.mean(0, keepdim=True), lambda x: x.softmax(0), lambda x: x + torch.rand(5)],
)
def test_outputs_that_depend_on_the_batch_or_on_chance_are_found(top):
    with pytest.raises(ValueError, match=r"differ by up to .* random .* other images of the batch"):
        as_network(with_top(top), images_of())


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 5)),
        lambda: nn.Sequential(conv(3, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.ReLU(), nn.Linear(8, 5)),
    ],
)
def test_without_rectified_maps_there_is_nothing_to_trace(make):
    with pytest.raises(TypeError, match=r"no feature maps that are never negative.*with a ReLU"):
        as_network(built(make), images_of())


class Recurrent(nn.Module):
    def __init__(self, kind) -> None:
        super().__init__()
        self.conv, self.cell = conv(3, 8), kind(8, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(F.relu(self.conv(x)).flatten(2).transpose(1, 2))[0][:, -1]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_networks_are_refused(kind):
    with pytest.raises(TypeError, match=rf"cell \({kind.__name__}\)"):
        as_network(built(lambda: Recurrent(kind)), images_of(size=4))


def test_a_dense_layer_too_large_to_be_written_down_is_refused_before_it_is_made():
    model = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16384, 5))
    images = torch.zeros(1, 3, 16, 16)
    as_network(model, images)
    wide = nn.Sequential(
        *(nn.Conv2d(3, 2048, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(2048, 5000),
    )
    with pytest.raises(TypeError, match=r"524288 pixels .* to 5000 units .*smaller images"):
        as_network(wide, images)
