"""Gates beside their squeeze, as views."""

import numpy as np
import pytest

from records import with_squeeze
from se_probe.errors import GateRecordError
from se_probe.stats import context_slope
from se_probe.views import (
    context_caption,
    context_profile,
    describe_context,
    gates_by_squeeze,
    most_by_squeeze,
)


@pytest.fixture
def gates(tmp_path):
    return with_squeeze(tmp_path)[0]


def test_profile_holds_percentiles_of_the_slopes_of_each_block(gates):
    view = context_profile(gates)

    slopes = context_slope(gates)["context_slope"].values
    own = slopes[gates["block"].values == "SE_3_1"]
    known = own[np.isfinite(own)]
    one = view.sel(block="SE_3_1")
    assert one["median"].item() == pytest.approx(np.median(known))
    assert one["high"].item() == pytest.approx(np.percentile(known, 95))
    assert (one["channels"], one["constant"]) == (len(known), 1)
    assert most_by_squeeze(view) == "SE_2_1"


def test_words_name_the_block_whose_gates_go_most_with_their_squeeze(gates):
    sentences = describe_context(context_profile(gates))

    assert "From 40 images." in sentences[0]
    assert "most with their own squeeze in SE_2_1" in sentences[1]
    assert sentences[2].startswith("1 channels have no slope")


def test_pairs_are_those_of_the_record_and_bins_their_means(gates):
    view = gates_by_squeeze(gates, "SE_2_1", n_bins=8)

    own = gates.values[:, gates["block"].values == "SE_2_1"]
    np.testing.assert_array_equal(np.sort(view["gate"]), np.sort(own.ravel()))
    assert view.sizes["bin"] == 8
    assert view["bin_gate"].mean().item() == pytest.approx(own.mean(), rel=1e-4)
    assert (np.diff(view["bin_squeeze"]) > 0).all()
    assert view.attrs["n_images"] == 40


def test_pairs_are_limited(gates):
    view = gates_by_squeeze(gates, "SE_2_1", max_pairs=30)

    assert view.sizes["pair"] == 30


def test_caption_says_what_a_slope_is(gates):
    caption = context_caption(context_profile(gates), {"record": "run.zarr"})

    assert "correlation over images of each channel's gate with its own" in caption
    assert "Record: run.zarr" in caption


def test_a_record_without_squeeze_is_refused(gates):
    gates.encoding.clear()

    with pytest.raises(GateRecordError, match="--with"):
        gates_by_squeeze(gates, "SE_2_1")
