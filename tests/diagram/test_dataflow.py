"""Which module feeds which: nodes, edges and shapes of one forward pass."""

import torch
from torch import nn

from se_probe.diagram.dataflow import output_shapes, trace_dataflow
from se_probe.models import create_model


def edges_by_name(flow):
    """(from, to, shape) with modules by path and everything else by name."""
    names = [node.name if node.path is None else node.path for node in flow.nodes]
    return [(names[e.source], names[e.target], e.shape) for e in flow.edges]


class Residual(nn.Module):
    """Convolutions with a ReLU in place, a shortcut and a dropout."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 2, 1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Conv2d(2, 2, 1)
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.relu(x + self.second(self.drop(x)))
        return self.head(x.mean((2, 3)))


LAYERS = ["first", "relu", "drop", "second", "head"]


def test_shortcuts_calls_in_place_and_functions_are_followed():
    flow = trace_dataflow(Residual(), torch.randn(1, 2, 4, 4), LAYERS)

    full = (2, 4, 4)
    assert edges_by_name(flow) == [
        ("input", "first", full),
        ("first", "relu", full),
        ("relu", "second", full),  # dropout does nothing in evaluation mode
        ("relu", "+", full),
        ("second", "+", full),
        ("+", "relu", full),
        ("relu", "head", (2,)),
        ("head", "output", (3,)),
    ]


def test_nodes_come_after_all_that_feeds_them():
    model = create_model("se_resnet18", 4)
    paths = [path for path, m in model.named_modules() if not any(m.children())]

    flow = trace_dataflow(model, torch.randn(1, 3, 64, 64), paths)

    assert len(flow.nodes) > 80
    assert all(edge.source < edge.target for edge in flow.edges)
    assert {edge.target for edge in flow.edges} == set(range(1, len(flow.nodes)))
    assert sum(node.name == "+" for node in flow.nodes) == 8
    assert sum(node.name == "\N{MULTIPLICATION SIGN}" for node in flow.nodes) == 8


def test_network_is_left_as_it_was():
    model = Residual().train()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    flow = trace_dataflow(model, torch.randn(1, 2, 4, 4), LAYERS)
    shapes = output_shapes(model, torch.randn(1, 2, 4, 4))

    assert len(flow.edges) == 8  # weights that are not learned change nothing
    assert shapes["head"] == shapes[""] == (3,)
    assert all(module.training for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(
        torch.equal(tensor, weights[n]) for n, tensor in model.named_parameters()
    )
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())


def test_long_functional_chains_are_followed():
    class Long(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)

        def forward(self, x):
            x = self.conv(x)
            for _ in range(3000):
                x = x + 1
            return self.head(x)

    flow = trace_dataflow(Long(), torch.randn(1, 1, 2, 2), ["conv", "head"])

    assert [edge[:2] for edge in edges_by_name(flow)] == [
        ("input", "conv"),
        ("conv", "head"),
        ("head", "output"),
    ]


def test_without_a_gradient_modules_are_joined_in_their_order():
    class Detached(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x).detach())

    model = Detached(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))

    flow = trace_dataflow(model, torch.randn(1, 1, 2, 2), ["0", "1"])

    assert [edge[:2] for edge in edges_by_name(flow)] == [
        ("input", "0"),
        ("0", "1"),
        ("1", "output"),
    ]
