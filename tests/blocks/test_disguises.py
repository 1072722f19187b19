"""Gates behind what wraps, compiles, cuts or shares the code that multiplies."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from se_probe.blocks import (
    capture_gates,
    examine_network,
    find_se_blocks,
    held_gates,
    unwrap,
)
from se_probe.errors import BlockError

CHANNELS = 8


class Gate(nn.Module):
    """Two layers; multiplies only where it is called as a module."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(CHANNELS, 4), nn.Linear(4, CHANNELS)

    def gate(self, x):
        hidden = functional.leaky_relu(self.down(x.mean((2, 3))))
        return torch.sigmoid(self.up(hidden))[:, :, None, None]

    def forward(self, x):
        return x * self.gate(x)


class SEBlock(Gate):
    """Called as SE blocks are, so that one that is missed must be named."""


class Network(nn.Module):
    """Convolution, what `body` says, and a head."""

    def __init__(self, body=None, **modules):
        super().__init__()
        self.conv, self.se = nn.Conv2d(3, CHANNELS, 3, padding=1), SEBlock()
        self.other, self.head = nn.Conv2d(CHANNELS, CHANNELS, 1), nn.Linear(CHANNELS, 5)
        self.body = body or (lambda own, x: own.se(x))
        self.scale = nn.Parameter(torch.tensor(0.5))
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.head(self.body(self, self.conv(x)).mean((2, 3)))


def changed(change):
    """The plain network with a change to it, made after its weights are drawn."""

    def make():
        model = Network()
        change(model)
        return model

    return make


def bodied(body):
    return lambda: Network(body)


class Adapted(nn.Module):
    """A layer and what was learned beside it, as in LoRA."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.a = nn.Linear(layer.in_features, 2, bias=False)
        self.b = nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x):
        return self.layer(x) + self.b(self.a(x))


class Product(torch.autograd.Function):
    """A product with a gradient of its own."""

    @staticmethod
    def forward(context, x, g):
        context.save_for_backward(x, g)
        return x * g

    @staticmethod
    def backward(context, grad):
        x, g = context.saved_tensors
        return grad * g, (grad * x).sum((2, 3), keepdim=True)


def without_gradients(own, x):
    with torch.no_grad():
        return own.se(x)


def in_inference_mode(own, x):
    with torch.inference_mode():
        return own.se(x)


def written_over(x, gate):
    """The same as a product, in place in a view of all channels."""
    x[:, :CHANNELS] *= gate
    return x


def moved(own, x, axes, back):
    """The product with the axes elsewhere."""
    return (x.permute(axes) * own.se.gate(x).permute(axes)).permute(back)


def set_in_place(module, name, value):
    setattr(module, name, value)


def compiled(module):
    return torch.compile(module, backend="eager")


def traced():
    return torch.fx.symbolic_trace(Network().eval())


def einsum(equation, own, x):
    return torch.einsum(equation, [x, own.se.gate(x).flatten(1)])


def three_operands(own, x):
    gate, ones = own.se.gate(x).flatten(1), torch.ones(CHANNELS)
    return torch.einsum("bchw,c,bc->bchw", x, ones, gate)


DISGUISES = {
    "fx GraphModule": traced,
    "weight norm": changed(lambda m: parametrizations.weight_norm(m.se.up)),
    "LoRA": changed(lambda m: set_in_place(m.se, "up", Adapted(m.se.up))),
    "reentrant checkpoint": bodied(
        lambda o, x: checkpoint(o.se, x, use_reentrant=True)
    ),
    "checkpoint": bodied(lambda o, x: checkpoint(o.se, x, use_reentrant=False)),
    "no_grad": bodied(without_gradients),
    "inference_mode": bodied(in_inference_mode),
    "detached gate": bodied(lambda o, x: x * o.se.gate(x).detach()),
    "detached squeeze": bodied(lambda o, x: x * o.se.gate(x.detach())),
    "squeeze of .data": bodied(lambda o, x: x * o.se.gate(x.data)),
    "DataParallel": lambda: nn.DataParallel(Network()),
    "DataParallel inside": changed(
        lambda m: set_in_place(m, "se", nn.DataParallel(m.se))
    ),
    "compiled": lambda: compiled(Network()),
    "compiled inside": changed(lambda m: set_in_place(m, "se", compiled(m.se))),
    "compiled in place": changed(lambda m: m.se.compile(backend="eager")),
    "compiled function": bodied(compiled(lambda o, x: x * o.se.gate(x))),
    "functional_call": bodied(
        lambda o, x: torch.func.functional_call(o.se, dict(o.se.named_parameters()), x)
    ),
    "autograd.Function": bodied(lambda o, x: Product.apply(x, o.se.gate(x))),
    "lerp from zeros": bodied(
        lambda o, x: torch.lerp(torch.zeros_like(x), x, o.se.gate(x).expand_as(x))
    ),
    "the method called": bodied(lambda o, x: o.se.forward(x)),
    "a slice written over": bodied(lambda o, x: written_over(x.clone(), o.se.gate(x))),
    "sequence first": bodied(lambda o, x: moved(o, x, (2, 3, 0, 1), (2, 3, 0, 1))),
    "samples last": bodied(lambda o, x: moved(o, x, (1, 2, 3, 0), (3, 0, 1, 2))),
    "channels in the middle": bodied(
        lambda o, x: moved(o, x, (0, 2, 1, 3), (0, 2, 1, 3))
    ),
    "a scaled gate": bodied(lambda o, x: x * (o.scale * (o.se.gate(x) / o.scale))),
    "einsum of a list": bodied(partial(einsum, "bchw,bc->bchw")),
    "einsum of three": bodied(three_operands),
}


@pytest.fixture
def images():
    return torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def seeded(make):
    torch.manual_seed(0)
    return make().eval()


# Of a checkpoint that runs without gradients.
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad:UserWarning")
@pytest.mark.parametrize("name", DISGUISES)
def test_a_gate_is_found_captured_and_held_in_every_disguise(name, images):
    model, plain = seeded(DISGUISES[name]), seeded(Network)
    plain.load_state_dict(plain_names(model), strict=False)

    findings = examine_network(model, images)

    (block,) = findings.blocks
    assert not findings.notes
    assert block.channels == CHANNELS
    assert block.gate == ("other" if name == "a scaled gate" else "sigmoid")
    with torch.no_grad():
        with capture_gates(model, [block]) as capture:
            unwrap(model)(images)
            gates = capture.take(3)
        with held_gates(model, [block]):
            held = unwrap(model)(images)
        if name not in {"LoRA", "weight norm"}:
            torch.testing.assert_close(
                gates, plain.se.gate(plain.conv(images))[..., 0, 0]
            )
        torch.testing.assert_close(held, plain.head(plain.conv(images).mean((2, 3))))


def plain_names(model):
    return {
        name.replace("_orig_mod.", "").replace("module.", ""): tensor
        for name, tensor in model.state_dict().items()
    }


def test_the_network_is_left_as_it_was_where_gradients_were_followed(images):
    def body(own, x):
        with torch.no_grad():
            own.calls += 1
            own.mean = 0.9 * own.mean + x.mean()
            return own.se(x)

    model = seeded(lambda: Network(body))
    model.register_buffer("mean", torch.zeros(()))
    model.register_buffer("calls", torch.zeros(()))

    find_se_blocks(model, images)

    assert model.mean.grad_fn is None
    assert not model.mean.requires_grad
    assert not model.calls.requires_grad
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert torch.is_grad_enabled()


def test_a_network_that_cuts_nothing_is_probed_once(images):
    model, shapes = seeded(Network), []
    model.register_forward_pre_hook(lambda _, args: shapes.append(len(args[0])))

    find_se_blocks(model, images)

    assert shapes == [2, 1]  # the probe, and the count of multiply-adds


def test_a_gate_that_branches_share_is_held_in_all_of_them(images):
    def body(own, x):
        gate = own.se.gate(x)
        return own.other(x) * gate + x * gate

    model = seeded(lambda: Network(body))
    (block,) = find_se_blocks(model, images)
    half = torch.full((CHANNELS,), 0.5)

    with torch.no_grad(), held_gates(model, [block], {block.name: half}):
        held = model(images)

    with torch.no_grad():
        x = model.conv(images)
        expected = model.head((0.5 * (model.other(x) + x)).mean((2, 3)))
    torch.testing.assert_close(held, expected)


def test_gates_of_parts_of_the_channels_are_found(images):
    def body(own, x):
        (a, b), (g, h) = x.chunk(2, 1), own.se.gate(x).split(CHANNELS // 2, 1)
        return torch.cat([a * g, b * h], 1)

    blocks = find_se_blocks(seeded(lambda: Network(body)), images)

    assert [block.channels for block in blocks] == [CHANNELS // 2] * 2


def test_blocks_whose_gates_are_multiplied_are_both_accounted_for(images):
    def body(own, x):
        return x * (own.se.gate(x) * own.second.gate(x))

    findings = examine_network(seeded(lambda: Network(body, second=SEBlock())), images)

    assert len(findings.blocks) == 1
    assert not findings.notes


@pytest.mark.parametrize("cut", ["chunk", "slices", "chunk of a view"])
def test_a_gate_from_the_other_half_of_the_channels_is_not_taken(cut, images):
    half = CHANNELS // 2

    def body(own, x):
        a, b = (x[:, :half], x[:, half:]) if cut == "slices" else x.chunk(2, 1)
        if cut == "chunk of a view":
            a, b = x.flatten(2).unflatten(2, x.shape[2:]).chunk(2, 1)
        return own.other(torch.cat([a * own.small(b.mean((2, 3))).sigmoid(), b], 1))

    small = nn.Sequential(nn.Linear(half, half), nn.Unflatten(1, (half, 1, 1)))
    with pytest.raises(BlockError, match="no SE blocks"):
        find_se_blocks(seeded(lambda: Network(body, small=small)), images)


MISSED = {
    "scripted": (
        changed(lambda m: set_in_place(m, "se", torch.jit.script(Gate()))),
        r"'se' \(Gate\) is a TorchScript program",
    ),
    "scripted product": (
        bodied(lambda o, x: scripted_product(x, o.se.gate(x))),
        r"'se' \(SEBlock\) .* ran, but",
    ),
    "twice": (bodied(lambda o, x: o.se(o.se(x).relu())), "ran more than once"),
    "of another map": (
        bodied(lambda o, x: o.other(x) * o.se.gate(x)),
        r"'se' \(SEBlock\) .* ran, but",
    ),
    "diagonal matrix": (
        bodied(
            lambda o, x: (
                torch.diag_embed(o.se.gate(x).flatten(1)) @ x.flatten(2)
            ).view_as(x)
        ),
        r"'se' \(SEBlock\) .* ran, but",
    ),
}


def scripted_product(x, gate):
    return torch.jit.script(product)(x, gate)


def product(x, gate):
    return x * gate


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
@pytest.mark.parametrize("name", MISSED)
def test_what_cannot_be_seen_is_named(name, images):
    make, sentence = MISSED[name]

    with pytest.raises(BlockError, match=sentence):
        find_se_blocks(seeded(make), images)


class ChannelAttention(nn.Module):
    """A transformer's attention that runs over channels."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS)

    def forward(self, x):
        q, k, v = self.qkv(x.flatten(2).transpose(1, 2)).chunk(3, -1)
        attention = (q.transpose(1, 2) @ k).softmax(-1)
        return (attention @ v.transpose(1, 2)).view_as(x)


def test_attention_over_channels_is_not_said_to_look_like_a_block(images):
    model = seeded(changed(lambda m: set_in_place(m, "se", ChannelAttention())))

    with pytest.raises(BlockError, match="has no SE blocks: it never multiplies"):
        find_se_blocks(model, images)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
def test_a_scripted_layer_that_multiplies_nothing_is_passed_over(images):
    model = seeded(changed(lambda m: set_in_place(m, "conv", torch.jit.script(m.conv))))

    findings = examine_network(model, images)

    assert [block.path for block in findings.blocks] == ["se"]
    assert not findings.notes
