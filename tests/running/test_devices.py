"""Devices by name."""

import pytest
import torch

from se_probe.errors import UsageError
from se_probe.running import pick_device


def test_devices_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    assert pick_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="cuda is not there: torch sees none"):
        pick_device("cuda")
    with pytest.raises(UsageError, match="auto, cpu, cuda or cuda:0, got 'gpu'"):
        pick_device("gpu")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("auto") == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UsageError, match="cuda:2 is not there: torch sees 2 of them"):
        pick_device("cuda:2")
