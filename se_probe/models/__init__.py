"""SE block, SE networks of the paper and its variants, SE for other backbones."""

from se_probe.models.backbones import add_se
from se_probe.models.counting import (
    count_macs,
    count_parameters,
    count_running_statistics,
)
from se_probe.models.factory import (
    Architecture,
    architecture,
    create_model,
    list_architectures,
)
from se_probe.models.foreign import ForeignLayout, recognise
from se_probe.models.se_block import SEBlock
from se_probe.models.se_lenet import SELeNet

__all__ = [
    "Architecture",
    "ForeignLayout",
    "SEBlock",
    "SELeNet",
    "add_se",
    "architecture",
    "count_macs",
    "count_parameters",
    "count_running_statistics",
    "create_model",
    "list_architectures",
    "recognise",
]
