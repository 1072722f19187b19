"""What blocks cost, as views."""

import numpy as np
import xarray as xr

from se_probe.views import block_costs, freezing_costs

BLOCKS = ["SE_4_1", "SE_2_1"]


def test_costs_have_a_row_for_each_block_and_treatment():
    kl = ("treatment", "block"), np.array([[0.1, 0.2], [1.0, 2.0]])
    measured = xr.Dataset(
        {"kl": kl, "parameters": ("block", [40, 500])},
        coords={"treatment": ["frozen", "identity"], "block": BLOCKS},
    )

    table = block_costs(measured).to_dataframe().reset_index()

    assert table.to_dict("list") == {
        "block": ["SE_4_1", "SE_4_1", "SE_2_1", "SE_2_1"],
        "treatment": ["frozen", "identity"] * 2,
        "kl": [0.1, 1.0, 0.2, 2.0],
        "parameters": [40, 40, 500, 500],
    }


def test_growing_costs_have_a_row_for_each_line_and_number():
    curve = xr.Dataset(
        {
            "kl": (("line", "n_blocks"), [[0.1, 0.2]]),
            "added": (("line", "n_blocks"), [BLOCKS]),
        },
        coords={"line": ["frozen"], "n_blocks": [1, 2]},
    )

    table = freezing_costs(curve).to_dataframe().reset_index()

    assert table["added"].tolist() == BLOCKS
    assert table["n_blocks"].tolist() == [1, 2]
