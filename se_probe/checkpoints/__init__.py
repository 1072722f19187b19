"""Read a weights file safely and fit it to a network, saying what does not fit.

`containers` and `archives` read files without running anything in them, `weights` finds
the weights in what they hold, `layouts` tells networks by their weights' names,
`architectures` builds networks by name, `fit` puts the weights in, `own` is our own
format, and `load` leads through all of it.
"""

from se_probe.checkpoints.architectures import (
    TORCHVISION_PREFIX,
    base_name,
    build_model,
    canonical_name,
    is_factory,
)
from se_probe.checkpoints.build import build_network
from se_probe.checkpoints.fit import load_weights
from se_probe.checkpoints.load import load_network
from se_probe.checkpoints.network import (
    Network,
    Provenance,
    name_classes,
    weights_sha256,
)
from se_probe.checkpoints.own import save_network
from se_probe.checkpoints.preparation import preprocessing_of
from se_probe.checkpoints.published import PUBLISHED_PREFIX
from se_probe.checkpoints.removed import ChannelScale
from se_probe.checkpoints.write import write_torch

__all__ = [
    "PUBLISHED_PREFIX",
    "TORCHVISION_PREFIX",
    "ChannelScale",
    "Network",
    "Provenance",
    "base_name",
    "build_model",
    "build_network",
    "canonical_name",
    "is_factory",
    "load_network",
    "load_weights",
    "name_classes",
    "preprocessing_of",
    "save_network",
    "weights_sha256",
    "write_torch",
]
