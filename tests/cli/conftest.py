"""What tests of several commands start from."""

import sys
from dataclasses import replace

import pytest

from se_probe.checkpoints import build_network, save_network


@pytest.fixture
def ckpt(tmp_path):
    """SE-LeNet with random weights, which says that it is of digits."""
    network = build_network("se_lenet", options={"reduction": 2})
    provenance = type(network.provenance)(
        data={"kind": "built-in", "name": "digits", "path": None}
    )
    save_network(replace(network, provenance=provenance), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def no_torch(monkeypatch):
    """An import of torch fails, as on a machine without it."""
    for name in [n for n in sys.modules if n.partition(".")[0] in {"torch", "timm"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache, and an empty folder to work in."""
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SE_PROBE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
