"""Networks that take inputs of one size only."""

import pytest
import torch
from torch import nn

from se_probe.blocks import find_se_blocks
from se_probe.errors import BlockError
from se_probe.models import SEBlock


class FixedSide(nn.Module):
    """Made for samples of 3 x 8 x 8: its classifier is behind a flattened map."""

    def __init__(self):
        super().__init__()
        self.conv, self.se = nn.Conv2d(3, 4, 3, padding=1), SEBlock(4, reduction=2)
        self.fc = nn.Linear(4 * 8 * 8, 5)

    def forward(self, x):
        return self.fc(self.se(self.conv(x)).flatten(1))


def test_the_shape_that_was_tried_is_told_with_what_to_do():
    with pytest.raises(
        BlockError, match=r"does not take samples of 3 x 16 x 16 .*--image-size"
    ):
        find_se_blocks(FixedSide(), torch.rand(2, 3, 16, 16))

    assert len(find_se_blocks(FixedSide(), torch.rand(2, 3, 8, 8))) == 1


def test_what_a_network_raises_for_another_reason_is_its_own():
    model = FixedSide()
    model.fc.register_forward_pre_hook(
        lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory"))
    )

    with pytest.raises(RuntimeError, match="out of memory"):
        find_se_blocks(model, torch.rand(2, 3, 8, 8))
