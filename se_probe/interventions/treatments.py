"""What can be done to the gates of a block, and what each is called."""

from typing import Literal, get_args

__all__ = ["TREATMENTS", "Treatment"]

# identity: gates are 1. frozen: constants. class_mean: the mean of the image's own
# class. same_class, other_class: the gates of another image of its class, of another.
Treatment = Literal["identity", "frozen", "class_mean", "same_class", "other_class"]
TREATMENTS: tuple[Treatment, ...] = get_args(Treatment)
