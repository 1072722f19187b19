"""Where the numbers of a record come from, and what may not differ to continue it."""

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision

import se_probe
from se_probe.blocks import FoundBlock, network_facts, unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import GateRecordError
from se_probe.images import LabelledImages
from se_probe.running import Inputs, memory_format
from se_probe.settings import begun_otherwise, changes

__all__ = ["check_same", "provenance"]

# What changes numbers: a record is only continued with all of these alike.
_MUST_MATCH = {
    "architecture": "architecture",
    "sha256": "checkpoint",
    "weights": "part of the checkpoint (--weights)",
    "label_set": "label set",
    "preprocessing": "preprocessing",
    "images": "image list",
    "batch_size": "batch size",
    "blocks": "SE blocks",
    "precision": "precision",
    "memory_format": "memory format",
    "compile": "compilation",
    "dtype": "number type of the stored gates",
    "context": "choice of what is recorded beside the gates",
    "device": "device kind",
    "threads": "number of CPU threads",
    "torch": "torch version",
}

# Of a block. The other facts describe it in words and counts, more of them and better
# ones with each version, and follow from the network and its weights.
_OF_A_BLOCK = ("name", "path", "gate_path", "channels", "gate")
# What earlier versions did not write down, so that it may have been anything.
_ADDED = frozenset({"weights"})
# What they did not write down either, because there was only this.
_ALWAYS = {"dtype": "float32"}


def provenance(
    network: Network,
    images: LabelledImages,
    first_batch: Inputs,
    blocks: Sequence[FoundBlock],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Attributes of a gate record, in plain JSON types.

    Parameters
    ----------
    network : Network
    images : LabelledImages
    first_batch : Tensor, or tuple or dict of several inputs
    blocks : sequence of FoundBlock
    settings : mapping
        `precision`, `compile`, `threads`, `dtype`, and `context` where there is any.

    Returns
    -------
    dict
    """
    model = unwrap(network.model)
    device = next(model.parameters()).device
    return {
        **network.facts(),
        **network_facts(model, blocks, first_batch, network.architecture),
        "sha256": network.provenance.sha256 or weights_sha256(model),
        "preprocessing": images.preprocessing.as_dict(),
        "images": images.source,
        "batch_size": images.batch_size,
        **settings,
        "memory_format": memory_format(model),
        "device": device.type,
        "device_name": _device_name(device),
        "deterministic": not torch.is_deterministic_algorithms_warn_only_enabled(),
        "tf32": False,
        "torch_seed": torch.initial_seed(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
        "se_probe": se_probe.__version__,
        "command": " ".join(sys.argv),
    }


def check_same(begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that a record may be continued: nothing that changes numbers differs.

    Parameters
    ----------
    begun, now : mapping
        The record's attributes, and those of the present run.

    Raises
    ------
    GateRecordError
        Naming everything that differs, as it was and as it is.
    """
    words = {
        key: what
        for key, what in _MUST_MATCH.items()
        if key in begun or key not in _ADDED
    }
    then, plain_now = (
        {key: _plain(key, facts.get(key, _ALWAYS.get(key))) for key in words}
        for facts in (begun, now)
    )
    different = changes(words, then, plain_now)
    if different:
        raise GateRecordError(begun_otherwise("the record", different))


def _plain(key: str, value: Any) -> Any:
    """As JSON gives it back; without the path, which may be spelled in many ways."""
    if isinstance(value, Mapping):
        value = {key: value[key] for key in value if key != "path"}
    if key == "blocks" and _are_facts(value):
        value = [{name: block.get(name) for name in _OF_A_BLOCK} for block in value]
    return json.loads(json.dumps(value))


def _are_facts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(fact, Mapping) for fact in value)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    # Kernels are chosen by maker and instruction set, and each sums in its own order.
    return f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}"


@cache
def _processor() -> str:
    """Model of the CPU, where the system says it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
