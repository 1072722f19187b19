"""Gates in whatever form a network multiplies by them, on maps of any rank."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

from se_probe.blocks import (
    capture_gates,
    examine_network,
    find_se_blocks,
    held_gates,
)
from se_probe.errors import BlockError
from se_probe.models import SEBlock

CHANNELS = 8


class Gated(nn.Module):
    """A convolution, and its map times a gate in some form."""

    def __init__(self, form, rank=2, ends=torch.sigmoid, channels_last=False):
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[rank]
        self.conv = convolution(3, CHANNELS, 3, padding=1)
        self.down, self.up = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)
        self.form, self.rank, self.ends = form, rank, ends
        self.channels_last = channels_last

    def gate(self, x):
        squeezed = x.flatten(2).mean(2)
        return self.ends(self.up(functional.leaky_relu(self.down(squeezed))))

    def map(self, x):
        return self.conv(x)

    def forward(self, x):
        x = self.map(x)
        gate = self.gate(x)
        if self.channels_last:
            return self.form(
                x.movedim(1, -1), gate.view(-1, *[1] * self.rank, CHANNELS)
            )
        return self.form(x, gate.view(-1, CHANNELS, *[1] * self.rank))


def flattened(x, g):
    return (x.flatten(2) * g.flatten(2)).view_as(x)


def in_place(x, g):
    x *= g
    return x


def out_argument(x, g):
    result = torch.empty(0)
    torch.mul(x, g, out=result)
    return result


FORMS = {
    "product": lambda x, g: x * g,
    "gate first": lambda x, g: g * x,
    "torch.mul(other=)": lambda x, g: torch.mul(x, other=g),
    "torch.multiply": torch.multiply,
    "out=": out_argument,
    "mul_": lambda x, g: x.clone().mul_(g),
    "*=": in_place,
    "expand_as": lambda x, g: x * g.expand_as(x),
    "expand, contiguous": lambda x, g: x * g.expand_as(x).contiguous(),
    "broadcast_to": lambda x, g: x * torch.broadcast_to(g, x.shape),
    "repeat": lambda x, g: x * g.repeat(1, 1, *x.shape[2:]),
    "interpolate": lambda x, g: x * functional.interpolate(g, x.shape[2:]),
    "flattened": flattened,
    "einsum": lambda x, g: torch.einsum("bchw,bc->bchw", x, g.flatten(1)),
    "addcmul": lambda x, g: torch.addcmul(torch.zeros_like(x), x, g),
    "addcmul, value": lambda x, g: torch.addcmul(x, x, g, value=1),
}


@pytest.fixture
def images():
    return torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def seeded(*arguments, **options):
    torch.manual_seed(0)
    return Gated(*arguments, **options).eval()


def captured(model, samples):
    (block,) = find_se_blocks(model, samples)
    with torch.no_grad(), capture_gates(model, [block]) as capture:
        model(samples.clone())
        return block, capture.take(len(samples))


@pytest.mark.parametrize("form", FORMS)
def test_a_gate_is_found_in_every_form_of_the_product(form, images):
    model = seeded(FORMS[form])

    block, gates = captured(model, images)

    expected = model.gate(model.map(images)).detach()
    torch.testing.assert_close(gates, expected, rtol=1e-5, atol=1e-6)
    assert (block.channels, block.gate) == (CHANNELS, "sigmoid")


@pytest.mark.parametrize("form", FORMS)
def test_gates_are_held_in_every_form(form, images):
    model = seeded(FORMS[form])
    (block,) = find_se_blocks(model, images)
    constant = torch.linspace(0.1, 0.8, CHANNELS)

    with torch.no_grad():
        with held_gates(model, [block], {block.name: constant}):
            held = model(images.clone())
        mapped = model.map(images)
        expected = FORMS[form](
            mapped.clone(), constant.view(1, -1, 1, 1).expand(3, -1, 1, 1)
        )

    torch.testing.assert_close(held, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("rank", "shape"), [(1, (40,)), (2, (8, 8)), (3, (4, 6, 8))])
def test_maps_have_one_two_or_three_axes(rank, shape, channels_last):
    samples = torch.randn(3, 3, *shape, generator=torch.Generator().manual_seed(0))
    model = seeded(FORMS["product"], rank, channels_last=channels_last)

    block, gates = captured(model, samples)

    expected = model.gate(model.map(samples)).detach()
    torch.testing.assert_close(gates, expected, rtol=1e-5, atol=1e-6)
    assert block.channels == CHANNELS


ENDS = {
    "sigmoid": (torch.sigmoid, (0.0, 1.0)),
    "hardsigmoid": (functional.hardsigmoid, (0.0, 1.0)),
    "1 + sigmoid": (lambda z: 1 + z.sigmoid(), (1.0, 2.0)),
    "2\N{MIDDLE DOT}sigmoid": (lambda z: 2 * z.sigmoid(), (0.0, 2.0)),
    "tanh": (torch.tanh, (-1.0, 1.0)),
    "relu": (lambda z: (z + 1).relu(), (0.0, float("inf"))),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_function_of_the_gate_is_named_with_its_range(name, images):
    ends, bounds = ENDS[name]

    (block,) = find_se_blocks(seeded(FORMS["product"], ends=ends), images)

    assert (block.gate, block.bounds) == (name, bounds)


class Twins(nn.Module):
    """Two blocks of one class, of which one gates and the other is ignored."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Gated(FORMS["product"]), Gated(FORMS["product"])

    def forward(self, x):
        self.second(x)
        return self.first(x)


def test_a_block_whose_class_gates_elsewhere_is_found_where_it_gates(images):
    torch.manual_seed(0)

    found = find_se_blocks(Twins().eval(), images)

    assert [block.path for block in found] == ["second", "first"]


def test_a_block_of_a_gating_class_that_does_not_gate_is_named(images):
    class SometimesGated(Gated):
        def __init__(self, gates):
            super().__init__(FORMS["product"])
            self.gates = gates

        def forward(self, x):
            return super().forward(x) if self.gates else self.map(x)

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.gating, self.silent = (
                SometimesGated(gates=True),
                SometimesGated(gates=False),
            )

        def forward(self, x):
            self.silent(x)
            return self.gating(x)

    torch.manual_seed(0)
    with pytest.warns(UserWarning, match=r"'silent' \(SometimesGated\) .* ran, but"):
        found = find_se_blocks(Pair().eval(), images)

    assert [block.path for block in found] == ["gating"]


NO_GATES = {
    "spatial gate": lambda x: x * x.mean(1, keepdim=True).sigmoid(),
    "swish": lambda x: x * x.sigmoid(),
    "constant scale": lambda x: x * torch.linspace(0, 1, CHANNELS).view(1, -1, 1, 1),
}


@pytest.mark.parametrize("name", NO_GATES)
def test_what_is_no_channel_gate_is_not_taken(name, images):
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, CHANNELS, 3)

        def forward(self, x):
            return NO_GATES[name](self.conv(x))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BlockError, match="no SE blocks"):
            find_se_blocks(Other().eval(), images)


def test_what_is_missed_and_what_is_constant_are_named_apart(images):
    model = seeded(FORMS["product"])
    model.idle = SEBlock(CHANNELS)
    with torch.no_grad():
        model.up.weight.zero_()

    findings = examine_network(model, images)

    (missed,), (constant,) = findings.missed, findings.constant
    assert "'idle' (SEBlock)" in missed
    assert "the same for two different samples" in constant
    assert findings.notes == (missed, constant)
    with pytest.raises(BlockError, match="registered but never called"):
        examine_network(model, images, strict=True)


class Token(Gated):
    """Hands a learned tensor from module to module, as transformers do."""

    def __init__(self):
        super().__init__(FORMS["product"])
        self.token, self.inner = nn.Parameter(torch.ones(1, 3, 1, 1)), nn.Identity()

    def forward(self, x):
        return super().forward(x + self.inner(self.token.expand(len(x), -1, -1, -1)))


def test_a_learned_tensor_may_be_handed_to_a_module(images):
    model = Token().eval()

    (block,) = find_se_blocks(model, images)

    assert block.channels == CHANNELS
    assert all(parameter.requires_grad for parameter in model.parameters())
