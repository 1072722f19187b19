"""What was typed for a class, and the one class of the label set that it means."""

from se_probe.class_names.labels import ClassLabel, echo
from se_probe.class_names.lookup import ALIASES, LabelSet
from se_probe.class_names.sets import (
    PAPER_CLASSES,
    imagenet_labels,
    label_set,
    numbered_labels,
)

__all__ = [
    "ALIASES",
    "PAPER_CLASSES",
    "ClassLabel",
    "LabelSet",
    "echo",
    "imagenet_labels",
    "label_set",
    "numbered_labels",
]
