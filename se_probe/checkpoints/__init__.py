"""Read a weights file safely and fit it to a network, saying what does not fit.

`containers` and `archives` read files without running anything in them, `weights` finds
the weights in what they hold, `layouts` tells networks by their weights' names,
`architectures` builds networks by name, `fit` puts the weights in, `own` is our own
format, and `load` leads through all of it.
"""

from se_probe.checkpoints.architectures import canonical_name, is_factory
from se_probe.checkpoints.build import build_network
from se_probe.checkpoints.load import load_network
from se_probe.checkpoints.network import Network, Provenance, weights_sha256
from se_probe.checkpoints.own import save_network
from se_probe.checkpoints.published import PUBLISHED_PREFIX
from se_probe.checkpoints.removed import ChannelScale
from se_probe.files import file_sha256, write_whole
from se_probe.running import pick_device, seeded

__all__ = [
    "PUBLISHED_PREFIX",
    "ChannelScale",
    "Network",
    "Provenance",
    "build_network",
    "canonical_name",
    "file_sha256",
    "is_factory",
    "load_network",
    "pick_device",
    "save_network",
    "seeded",
    "weights_sha256",
    "write_whole",
]
