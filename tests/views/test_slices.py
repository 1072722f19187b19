"""Every view on whatever xarray can cut out of a record, or put together."""

import numpy as np
import pytest
import xarray as xr

from records import noisy_gates
from se_probe.stats import class_moments
from se_probe.views import (
    RecordPair,
    batch_rows,
    block_part,
    class_profiles,
    depth_profile,
    paired_rows,
    sorted_rows,
)

BLOCKS = ["SE_2_1", "SE_2_2", "SE_2_3"]


@pytest.fixture(scope="module")
def whole():
    """Three blocks of 4, 7 and 5 channels; 24 images of three classes."""
    record = noisy_gates([8, 9, 7], effect=0.1, channels=(4, 7, 5))
    return record.assign_attrs(batch_size=24)


def shuffle(record):
    return record.isel(channel=np.random.default_rng(1).permutation(16))


CUTS = {
    "boolean": lambda r: r.sel(channel=r["block"] != "SE_2_2"),
    "slice across blocks": lambda r: r.isel(channel=slice(2, 13)),
    "list": lambda r: r.isel(channel=[15, 3, 7, 0, 10]),
    "shuffled": shuffle,
    "blocks the other way round": lambda r: xr.concat(
        [r.sel(channel=r["block"] == block) for block in BLOCKS[::-1]], "channel"
    ),
    "images": lambda r: r.isel(image=slice(0, None, 2)),
    "images put together": lambda r: xr.concat([r[12:], r[:12]], "image"),
    "copy without attributes": lambda r: r.drop_attrs().assign_attrs(batch_size=24),
}


def expected(cut, name, block):
    """Gates of one class in one block, its channels in their own order."""
    rows = cut["class_name"].values == name
    places = np.flatnonzero(cut["block"].values == block)
    places = places[np.argsort(cut["channel_in_block"].values[places])]
    return cut.values[np.ix_(rows, places)]


@pytest.fixture(params=CUTS, scope="module")
def cut(request, whole):
    return CUTS[request.param](whole)


def blocks_in(cut):
    return [block for block in BLOCKS if block in cut["block"].values]


def test_class_profiles_are_of_the_channels_that_are_left(cut):
    view = class_profiles(cut, blocks=["*"], channels="all")

    for block in blocks_in(cut):
        part = block_part(view, block)
        for name in view["class_name"].values:
            gates = expected(cut, name, block)
            mean = gates.mean(axis=0, dtype=np.float64)
            np.testing.assert_allclose(part["mean"].sel(class_name=name), mean)


def test_sorted_rows_are_of_the_channels_that_are_left(cut):
    view = sorted_rows(cut, blocks=["*"])

    for block in blocks_in(cut):
        part = block_part(view, block)
        for name in np.unique(cut["class_name"].values.astype(str)):
            rows = part.values[view["class_name"].values == name]
            np.testing.assert_array_equal(rows, expected(cut, name, block))


def test_rows_of_a_batch_are_of_the_channels_that_are_left(cut):
    view = batch_rows(cut, 0)

    for block in set(view["block"].values):
        part = block_part(view, block)
        name = str(view["class_name"].values[0])
        rows = part.values[view["class_name"].values == name]
        np.testing.assert_array_equal(rows, expected(cut, name, block))


def test_pairs_are_of_the_channels_that_are_left(cut):
    other = cut.copy(data=1 - cut.values)

    view = paired_rows(RecordPair(cut, other, ("a", "b"), is_in_order=True), ["*"])

    for block in blocks_in(cut):
        part = block_part(view, block)
        name = str(view["class_name"].values[0])
        of_class = view["class_name"].values == name
        gates = expected(cut, name, block)
        np.testing.assert_array_equal(part["first"].values[of_class], gates)
        np.testing.assert_allclose(
            part["difference"].values[of_class], 1 - 2 * gates, atol=1e-6
        )


def test_depth_profile_is_of_the_channels_that_are_left(cut):
    view = depth_profile(cut)

    assert view["block"].values.tolist() == blocks_in(cut)
    for block in blocks_in(cut):
        places = np.flatnonzero(cut["block"].values == block)
        gates = cut.values[:, places].astype(np.float64)
        one = view.sel(block=block)
        dependence = gates.var(axis=0).sum() / (gates**2).mean(axis=0).sum()
        assert one["channels"].item() == len(places)
        assert one["input_dependence"].item() == pytest.approx(dependence)
        alone = depth_profile(cut.isel(channel=places))
        for name in ("separability", "class_share"):
            np.testing.assert_allclose(one[name], alone[name][0])


def test_moments_may_be_cut_like_the_record(whole):
    moments = class_moments(whole).isel(channel=[15, 3, 7, 0, 10])

    view = class_profiles(moments, blocks=["*"], channels="all")

    cut = whole.isel(channel=[15, 3, 7, 0, 10])
    xr.testing.assert_allclose(
        view.drop_vars("channel"),
        class_profiles(cut, blocks=["*"], channels="all").drop_vars("channel"),
    )
