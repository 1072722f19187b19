"""Captions of measured costs, and of records side by side."""

import numpy as np
import xarray as xr

from se_probe.gates import make_gates
from se_probe.views import (
    RecordPair,
    block_costs,
    block_costs_caption,
    freezing_costs,
    freezing_costs_caption,
    paired_rows,
    pairs_caption,
)

ATTRS = {"architecture": "se_net", "n_images": 1200, "n_known": 1100, "top1": 0.85}


def costs(dims, shape, coords, **attrs):
    return xr.Dataset(
        {"kl": (dims, np.zeros(shape))}, coords=coords, attrs=ATTRS | attrs
    )


def test_costs_of_blocks_say_what_was_done_and_on_what():
    coords = {"treatment": ["frozen", "identity"], "block": ["SE_2_1", "SE_3_1"]}
    view = block_costs(costs(("treatment", "block"), (2, 2), coords))

    caption = block_costs_caption(view, {"command": "se-probe rank run.zarr"})

    assert "one of its 2 SE blocks is frozen (gates held constant)" in caption
    assert "1,200 images; top-1 accuracy of the unaltered network 85.0 %" in caption
    assert "Network: se_net\n" in caption
    assert "Command: se-probe rank run.zarr\n" in caption


def test_curve_without_accuracy_says_so():
    coords = {"line": ["frozen", "identity", "random"], "n_blocks": [1, 2, 3]}
    view = freezing_costs(costs(("line", "n_blocks"), (3, 3), coords, top1=None))

    caption = freezing_costs_caption(view)

    assert "1 to 3 of its SE blocks" in caption
    assert "none of a class that the network knows" in caption


def test_pairs_name_both_records_and_the_largest_difference():
    first = make_gates({"SE_2_1": [[0.1, 0.9]], "SE_3_1": [[0.5]]}, ["pug"])
    other = first.copy(data=first.values + np.float32([0.0, 0.05, 0.2]))
    view = paired_rows(RecordPair(first, other, ("run 1", "run 2"), True))

    caption = pairs_caption([view], "SE_2_1")

    assert "the same 1 images" not in caption
    assert "run 1 and run 2: channels in the network's order" in caption
    assert "the largest difference is 0.05" in caption
