"""Devices by name."""

import pytest
import torch

from se_probe.errors import UsageError
from se_probe.running import pick_device, pinned_numerics


def test_devices_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    assert pick_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="cuda is not there: torch sees none"):
        pick_device("cuda")
    with pytest.raises(UsageError, match=r"auto, cpu, cuda, mps, xpu.* got 'gpu'"):
        pick_device("gpu")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("auto") == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UsageError, match="cuda:2 is not there: torch sees 2 of them"):
        pick_device("cuda:2")


class Accelerator:
    """As torch tells of an accelerator that is not CUDA's."""

    def __init__(self, monkeypatch, kind, n_devices):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        monkeypatch.setattr(
            torch.accelerator,
            "current_accelerator",
            lambda check_available=False: torch.device(kind),
        )
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: n_devices)


@pytest.mark.parametrize("kind", ["mps", "xpu"])
def test_any_accelerator_that_torch_knows_is_taken(monkeypatch, kind):
    Accelerator(monkeypatch, kind, 1)

    assert pick_device("auto") == pick_device(kind) == torch.device(kind, 0)
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="cuda is not there: torch sees none"):
        pick_device("cuda")


def test_each_local_rank_takes_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    for rank, index in ((0, 0), (1, 1), (2, 0)):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        assert pick_device("auto") == pick_device("cuda") == torch.device("cuda", index)
        assert pick_device("cuda:1") == torch.device("cuda:1")


def test_what_cannot_be_deterministic_warns_and_goes_on(monkeypatch):
    Accelerator(monkeypatch, "mps", 1)

    with pinned_numerics():
        assert torch.is_deterministic_algorithms_warn_only_enabled()
