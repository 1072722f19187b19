"""The ground under all that runs a network.

Evaluation mode, precision, numerics that give equal bits for equal inputs, seeds,
devices, and the one answer to which of a network's outputs holds the class scores.
Whoever begins a run (a recording, a training, a measurement) opens `pinned_numerics`
once, with the number of threads; what is called inside takes part in it.
"""

from se_probe.running.devices import pick_device
from se_probe.running.imports import importable_from_here
from se_probe.running.inputs import (
    Inputs,
    call_network,
    input_tensors,
    main_tensor,
    map_inputs,
    n_samples,
    only_tensor,
    to_device_of,
)
from se_probe.running.layout import memory_format, use_channels_last
from se_probe.running.modes import Precision, autocast, evaluating
from se_probe.running.numerics import pinned_numerics, served_numerics
from se_probe.running.outputs import class_scores, describe_output
from se_probe.running.ranks import local_rank, parse_part, rank_and_world
from se_probe.running.seeds import seeded

__all__ = [
    "Inputs",
    "Precision",
    "autocast",
    "call_network",
    "class_scores",
    "describe_output",
    "evaluating",
    "importable_from_here",
    "input_tensors",
    "local_rank",
    "main_tensor",
    "map_inputs",
    "memory_format",
    "n_samples",
    "only_tensor",
    "parse_part",
    "pick_device",
    "pinned_numerics",
    "rank_and_world",
    "seeded",
    "served_numerics",
    "to_device_of",
    "use_channels_last",
]
