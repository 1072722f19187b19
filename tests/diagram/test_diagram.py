"""Pictures of networks: what is on them, and what is said where none can be drawn."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import build_network
from se_probe.diagram import FORMATS, draw_network, save_diagram
from se_probe.errors import MissingPackageError, UsageError
from se_probe.models import create_model

DIGITS = Path(__file__).parents[2] / "checkpoints" / "se_lenet_digits.pt"

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None,
    reason="the program dot (package graphviz) is not installed",
)


def picture_of(model, side, channels=3, name=""):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, channels, side, side, generator=generator)
    return draw_network(model, find_se_blocks(model, images), images, name)


@pytest.fixture(scope="module")
def lenet():
    torch.manual_seed(0)
    return picture_of(create_model("se_lenet", 10), 28, 1, "se_lenet")


def boxes(graph):
    """Lines of each node, in the order of the source, without input and output."""
    found = re.findall(
        r'^\t\d+ \[label=(?:"([^"]*)"|(\w+))', graph.source, re.MULTILINE
    )
    labels = [quoted or plain for quoted, plain in found]
    return [label.splitlines() for label in labels if label not in {"input", "output"}]


def shapes(graph):
    return re.findall(r'-> \d+ \[label=" ([^"]*)"', graph.source)


def marked(graph):
    """First line of each box in the colour of SE blocks."""
    pattern = r'^\t\d+ \[label="?([^"\n]*)[^\]]*fillcolor="#fde3c0"'
    return re.findall(pattern, graph.source, re.MULTILINE)


# --- layer by layer ------------------------------------------------------------------


def test_small_network_shows_every_layer_with_the_shapes_between(lenet):
    assert [lines[0] for lines in boxes(lenet)] == [
        *("conv1", "relu", "pool", "conv2", "relu"),
        *("se.squeeze", "se.fc1", "se.relu", "se.fc2", "se.gate"),
        *("\N{MULTIPLICATION SIGN}", "pool"),
        *("fc1", "relu", "fc2", "relu", "fc3"),
    ]
    assert shapes(lenet) == [
        *("1 x 28 x 28", "6 x 24 x 24", "6 x 24 x 24", "6 x 12 x 12", "16 x 8 x 8"),
        *("16 x 8 x 8", "16 x 1 x 1", "4 x 1 x 1", "4 x 1 x 1", "16 x 1 x 1"),
        *("16 x 8 x 8", "16 x 1 x 1", "16 x 8 x 8"),
        *("256", "120", "120", "84", "84", "10"),
    ]
    assert "Conv2d 5 x 5" in boxes(lenet)[0]


def test_se_block_of_a_small_network_is_framed_and_named(lenet):
    assert "se_lenet: 1 SE block\n" in lenet.source
    assert 'label="SE_2_1 (se)"' in lenet.source
    assert marked(lenet) == [
        *("se.squeeze", "se.fc1", "se.relu", "se.fc2", "se.gate"),
        "\N{MULTIPLICATION SIGN}",
    ]


def test_gate_that_is_no_block_of_its_own_is_marked():
    class Inlined(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 8)
            self.sigmoid, self.head = nn.Sigmoid(), nn.Conv2d(8, 2, 1)

        def forward(self, x):
            x = self.conv(x)
            gate = self.sigmoid(self.fc(x.mean((2, 3))))
            return self.head(x * gate[:, :, None, None]).mean((2, 3))

    graph = picture_of(Inlined(), 16)

    assert marked(graph) == ["sigmoid"]
    assert re.search(r"gate of SE_\d_1", graph.source)
    assert "subgraph" not in graph.source


# --- stage by stage ------------------------------------------------------------------


def test_se_resnet50_is_folded_by_stage():
    graph = picture_of(create_model("se_resnet50", 10), 64)

    assert boxes(graph) == [
        ["conv1, bn1, relu"],
        ["stage 2: 3 blocks", "maxpool, layer1", "SE_2_1, SE_2_2, SE_2_3"],
        ["stage 3: 4 blocks", "layer2", "SE_3_1, SE_3_2, SE_3_3", "SE_3_4"],
        [
            *("stage 4: 6 blocks", "layer3"),
            *("SE_4_1, SE_4_2, SE_4_3", "SE_4_4, SE_4_5, SE_4_6"),
        ],
        ["stage 5: 3 blocks", "layer4", "SE_5_1, SE_5_2, SE_5_3"],
        ["avgpool"],
        ["fc"],
    ]
    assert shapes(graph) == [
        *("3 x 64 x 64", "64 x 32 x 32", "256 x 16 x 16", "512 x 8 x 8"),
        *("1024 x 4 x 4", "2048 x 2 x 2", "2048", "10"),
    ]
    assert [name[:7] for name in marked(graph)] == [f"stage {k}" for k in range(2, 6)]


def test_stages_of_any_network_are_told_by_their_resolution():
    model = build_network("mobilenetv3_large_100").model

    graph = picture_of(model, 128)

    assert ["stage 4: 6 blocks", "blocks.3, blocks.4", "SE_4_1, SE_4_2"] in boxes(graph)
    assert shapes(graph)[1:5] == [
        *("16 x 64 x 64", "24 x 32 x 32", "40 x 16 x 16", "112 x 8 x 8"),
    ]


@pytest.mark.filterwarnings("ignore:the gates of")  # so deep, and not trained
def test_many_names_are_the_first_and_the_last():
    graph = picture_of(create_model("se_resnet110_cifar", 10), 32)

    assert boxes(graph)[1] == [
        *("stage 3: 18 blocks", "layer2", "SE_3_1 … SE_3_18 (18)"),
    ]


# --- files and the command -----------------------------------------------------------


@needs_dot
@pytest.mark.parametrize("suffix", FORMATS)
def test_same_network_gives_the_same_file(lenet, tmp_path, suffix):
    first, second = (
        save_diagram(lenet, tmp_path / turn / f"net.{suffix}") for turn in "ab"
    )

    content = first.read_bytes()
    assert content == second.read_bytes()
    start = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix]
    assert content.startswith(start)
    dates = re.findall(rb"CreationDate \(D:(\d{14})", content)
    assert set(dates) <= {b"19700101000000"}


@needs_dot
def test_inspect_draws_the_network(command, tmp_path):
    file = tmp_path / "pictures" / "se_lenet.svg"

    table = command("inspect", "--ckpt", DIGITS, "--diagram", file)
    as_json = command("inspect", "--ckpt", DIGITS, "--diagram", file, "--json")

    assert table[0] == as_json[0] == 0
    assert table[1].splitlines()[-1] == str(file)
    assert json.loads(as_json[1])["architecture"] == "se_lenet"
    assert str(file) in as_json[2]
    assert "SE_2_1 (se)" in file.read_text(encoding="utf-8")


def test_picture_of_another_format_is_refused(lenet, tmp_path):
    with pytest.raises(UsageError, match=r"to end in \.svg, \.png, \.pdf, got .*\.gif"):
        save_diagram(lenet, tmp_path / "net.gif")


def test_missing_program_is_named_before_anything_runs(command, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    status, out, err = command("inspect", "--arch", "se_lenet", "--diagram", "a.svg")

    assert (status, out) == (1, "")
    assert "the program dot" in err
    assert "apt install graphviz" in err
    assert len(err.splitlines()) == 1


def test_missing_python_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    with pytest.raises(MissingPackageError, match=r'pip install "se-probe\[diagram\]"'):
        picture_of(create_model("se_lenet", 10), 28, 1)
