"""Find the SE blocks of any network by what they do, and capture their gates.

A gate is the vector ``g`` (one number per channel and image) for which the network
computes ``x * g`` channel by channel on a feature map ``x``, with ``g`` computed from
``x`` by learned layers. :func:`find_se_blocks` runs a probe batch, looks at every
multiplication, and keeps those. What a module is called plays no part in that.
"""

from se_probe.blocks.capture import GateCapture, capture_gates
from se_probe.blocks.find import Findings, examine_network, find_se_blocks
from se_probe.blocks.found import FoundBlock, network_facts
from se_probe.blocks.hold import held_gates
from se_probe.blocks.multiply import watch_gates
from se_probe.blocks.names import keep_names, kept_names
from se_probe.blocks.prefix import Prefix, call_order, resumed, run_prefix
from se_probe.blocks.watch import as_written, unwrap

__all__ = [
    "Findings",
    "FoundBlock",
    "GateCapture",
    "Prefix",
    "as_written",
    "call_order",
    "capture_gates",
    "examine_network",
    "find_se_blocks",
    "held_gates",
    "keep_names",
    "kept_names",
    "network_facts",
    "resumed",
    "run_prefix",
    "unwrap",
    "watch_gates",
]
