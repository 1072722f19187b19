"""Functions and classes of the reader's own that build the network."""

import sys

import pytest
import torch
from torch import nn

from checkpoint_files import assert_same_weights
from se_probe.checkpoints import Network, build_network, load_network, save_network
from se_probe.errors import ArchitectureError, CheckpointError, UsageError
from se_probe.images import Preprocessing

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, num_classes)
    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working folder whose modules are forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    # The command has no "" in its path, `python -m pytest` does.
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_factory_may_import_its_neighbours_when_it_is_called(folder):
    (folder / "neighbour_net.py").write_text(NET)
    (folder / "lazy_net.py").write_text(
        "def make():\n    import neighbour_net\n    return neighbour_net.Net()\n"
    )

    assert build_network("lazy_net:make").model.fc.out_features == 3


def test_parts_that_a_factory_compiled_are_plain_modules(folder):
    (folder / "compiled_net.py").write_text(
        "import torch\n" + NET + "def make():\n"
        "    net = Net()\n"
        "    net.conv = torch.compile(net.conv)\n"
        "    return torch.compile(net)\n"
    )
    (folder / "plain_net.py").write_text(NET)
    plain = build_network("plain_net:Net").model
    torch.save(plain.state_dict(), folder / "net.pt")

    loaded = load_network(folder / "net.pt", "compiled_net:make").model

    assert_same_weights(loaded, plain)
    assert type(loaded.conv) is nn.Conv2d


def test_a_module_with_relative_imports_is_taken_as_part_of_its_folder(
    folder, monkeypatch
):
    package = folder / "their_package"
    package.mkdir()
    (package / "parts.py").write_text(NET)
    (package / "relative_net.py").write_text("from .parts import Net\n")
    monkeypatch.chdir(package)

    assert build_network("relative_net:Net").model.fc.out_features == 3


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make(depth, *, width): ...", r"needs the arguments depth, width: write"),
        ("def make(): raise ValueError('no depth')", "failed: ValueError: no depth"),
        ("def make(): import not_there_at_all", "failed: ModuleNotFoundError"),
        ("def make(: ...", "cannot be imported .SyntaxError"),
        ("1 / 0", "cannot be imported .ZeroDivisionError"),
        ("def make(): return 3", "returned a int, expected a torch.nn.Module"),
    ],
)
def test_a_factory_that_does_not_work_is_told_in_one_sentence(code, message, folder):
    (folder / "odd_net.py").write_text(code)

    with pytest.raises(ArchitectureError, match=message):
        build_network("odd_net:make")


class NotebookNet(nn.Module):
    """As written in a cell of a notebook."""

    def __init__(self, num_classes: int = 2):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


def test_a_network_of_a_notebook_is_saved_and_its_class_asked_for(tmp_path):
    preprocessing = Preprocessing((3, 16, 16))
    written = Network(NotebookNet(3), preprocessing, ["cat", "dog", "ant"])

    save_network(written, tmp_path / "net.pt")
    loaded = load_network(tmp_path / "net.pt", NotebookNet)

    with pytest.raises(
        CheckpointError, match=r"saved from a NotebookNet.*give what builds it, --arch"
    ):
        load_network(tmp_path / "net.pt")
    assert_same_weights(loaded.model, written.model)
    assert loaded.class_names.spec == ["cat", "dog", "ant"]
    assert loaded.preprocessing == preprocessing
    assert not loaded.notes


def test_a_class_that_cannot_be_found_again_is_refused(tmp_path):
    class Inner(NotebookNet):
        pass

    torch.save(Inner().state_dict(), tmp_path / "net.pt")

    with pytest.raises(UsageError, match="Inner cannot be found again by its name"):
        load_network(tmp_path / "net.pt", Inner)


def test_an_assumed_size_of_images_is_told(tmp_path):
    torch.save(NotebookNet().state_dict(), tmp_path / "net.pt")

    (note,) = load_network(tmp_path / "net.pt", NotebookNet).notes

    assert "3 x 224 x 224" in note
    assert "--image-size" in note
