"""Two records of the same images: known answers, laws, second opinions, refusals."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import records
from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import make_gates
from se_probe.stats import (
    class_moments,
    compare_records,
    linear_cka,
    nearest_class_hits,
    separability,
    variance_shares,
)


@pytest.fixture(scope="module")
def record():
    return records.noisy_gates([8, 6, 10], 0.1)


@pytest.fixture(scope="module")
def noisier(record):
    noise = 0.05 * np.random.default_rng(1).normal(size=record.shape)
    return record.copy(data=(record.values + noise).astype(np.float32))


def renumbered(record, seed=0):
    """The same network with its channels numbered otherwise."""
    gates = record.values.copy()
    rng = np.random.default_rng(seed)
    for block in dict.fromkeys(record["block"].values):
        at = np.flatnonzero(record["block"].values == block)
        gates[:, at] = gates[:, rng.permutation(at)]
    return record.copy(data=gates)


# --- known answers -------------------------------------------------------------------


def test_differences_are_those_worked_out_by_hand():
    first = make_gates({"SE_2_1": [[0.25, 0.5], [0.5, 0.25]]}, ["pug", "cliff"])
    second = make_gates({"SE_2_1": [[0.5, 0.5], [0.5, 0.75]]}, ["pug", "cliff"])

    found = compare_records(first, second, is_in_order=True, n_resamples=0)

    assert found["gate_difference"].item() == 0.1875
    assert found["channel_difference"].values.tolist() == [0.125, 0.25]
    assert found["channel_shift"].values.tolist() == [0.125, 0.25]
    by_class = found["class_difference"].sel(block="SE_2_1")
    assert by_class.sel(class_name=["pug", "cliff"]).values.tolist() == [0.125, 0.25]


def test_sorted_difference_of_unlike_widths_is_the_wasserstein_distance():
    rng = np.random.default_rng(0)
    narrow, wide = rng.random((1, 6)), rng.random((1, 15))
    one, other = (make_gates({"SE_2_1": each}, ["pug"]) for each in (narrow, wide))

    found = compare_records(one, other)

    expected = wasserstein_distance(
        np.float32(narrow[0]).astype(float), np.float32(wide[0]).astype(float)
    )
    assert found["profile_difference"].item() == pytest.approx(expected)
    assert not found.attrs["is_in_order"]
    assert "6 channels in one and 15 in the other" in found.attrs["order_reason"]


# --- laws ----------------------------------------------------------------------------


def test_a_record_does_not_differ_from_itself(record):
    found = compare_records(record, record, n_resamples=20)

    for name in ("gate_difference", "class_share_change", "separability_change"):
        for end in ("", "_low", "_high"):
            assert (found[name + end] == 0).all()
    np.testing.assert_allclose(found["correlation"], 1)
    np.testing.assert_allclose(found["cka"], 1)


def test_order_of_images_does_not_matter(record, noisier):
    order = np.random.default_rng(2).permutation(record.sizes["image"])

    found = compare_records(record, noisier, n_resamples=0)
    again = compare_records(record, noisier.isel(image=order), n_resamples=0)

    assert found.identical(again)


def test_shares_are_those_of_each_record_alone(record, noisier):
    found = compare_records(record, noisier, n_resamples=0)

    for which, each in (("first", record), ("second", noisier)):
        share = variance_shares(class_moments(each))["class_share"]
        np.testing.assert_allclose(found[f"class_share_{which}"], share, atol=1e-6)
        alone = separability(each)["separability"]
        np.testing.assert_array_equal(found[f"separability_{which}"], alone)


def test_hits_are_what_separability_counts(record):
    hits = nearest_class_hits(record)

    np.testing.assert_allclose(hits.mean("image"), separability(record)["separability"])


def test_the_same_seed_gives_the_same_interval(record, noisier):
    one, again, other = (
        compare_records(record, noisier, n_resamples=50, seed=seed)
        for seed in (0, 0, 1)
    )

    assert one.identical(again)
    assert (one["gate_difference_low"] != other["gate_difference_low"]).any()


def test_interval_of_the_difference_covers_as_often_as_it_says():
    n_blocks, names = 200, ["a"] * 20 + ["b"] * 20
    gates = np.random.default_rng(0).random((40, n_blocks), np.float32)
    blocks = {f"SE_2_{k + 1}": gates[:, [k]] for k in range(n_blocks)}
    other = make_gates(blocks, names)

    found = compare_records(other * 0, other, is_in_order=True)

    low, high = (found[f"gate_difference_{end}"].values for end in ("low", "high"))
    assert 0.88 <= ((low <= 0.5) & (high >= 0.5)).mean() <= 0.99


# --- channels ------------------------------------------------------------------------


def test_channels_of_a_noisier_copy_are_in_order(record, noisier):
    found = compare_records(record, noisier, n_resamples=0)

    assert found.attrs["is_in_order"]
    assert "go together" in found.attrs["order_reason"]


def test_renumbered_channels_are_found_out_and_said_to_be_so(record):
    found = compare_records(record, renumbered(record), n_resamples=0)

    assert not found.attrs["is_in_order"]
    assert "do not go together" in found.attrs["order_reason"]
    assert np.isnan(found["gate_difference"]).all()
    np.testing.assert_allclose(found["profile_difference"], 0, atol=1e-6)
    np.testing.assert_allclose(found["cka"], 1, atol=1e-6)


def test_one_checkpoint_is_in_order_whatever_its_gates(record):
    one, other = (
        each.assign_attrs(sha256="ab") for each in (record, renumbered(record))
    )

    assert compare_records(one, other, n_resamples=0).attrs["is_in_order"]


# --- similarity of images ------------------------------------------------------------


def test_cka_is_that_of_the_definition_where_channels_are_few():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(800, 4))
    second = first @ rng.normal(size=(4, 3)) + rng.normal(size=(800, 3))

    a, b = first - first.mean(0), second - second.mean(0)
    cross, own, other = (np.linalg.norm(x.T @ y) for x, y in ((a, b), (a, a), (b, b)))
    assert linear_cka(first, second) == pytest.approx(
        cross**2 / (own * other), abs=0.01
    )


def test_cka_of_unrelated_gates_is_around_0_with_more_channels_than_images():
    rng = np.random.default_rng(0)

    found = [
        linear_cka(rng.random((20, 200)), rng.random((20, 200))) for _ in range(50)
    ]

    assert abs(np.mean(found)) < 0.03


# --- matching and refusals -----------------------------------------------------------


def test_only_common_images_and_blocks_are_compared(record):
    first = record.isel(image=slice(0, 20))
    second = record.isel(image=slice(5, 24), channel=record["block"].values == "SE_2_2")

    found = compare_records(first, second, n_resamples=0)

    assert found.attrs["n_images"] == 15
    assert (found.attrs["n_only_first"], found.attrs["n_only_second"]) == (5, 4)
    assert found["block"].values.tolist() == ["SE_2_2"]
    assert found.attrs["blocks_only_first"] == ["SE_2_1"]


def test_more_images_than_asked_for_are_taken_evenly_by_class(record):
    found = compare_records(record, record, max_images=6, n_resamples=0)

    assert (found.attrs["n_images"], found.attrs["n_common"]) == (6, 24)


def test_records_that_cannot_be_compared_are_refused(record):
    ids = [f"other/{k}" for k in range(24)]
    elsewhere = record.assign_coords(image_id=("image", np.array(ids, dtype=object)))
    with pytest.raises(
        GateRecordError, match=r"no image in common.*such as 0.*other/0"
    ):
        compare_records(record, elsewhere)

    relabelled = records.shuffled(record)
    with pytest.raises(GateRecordError, match="of another class in the second"):
        compare_records(record, relabelled)

    renamed = make_gates({"SE_9_1": record.values}, record["class_name"].values)
    with pytest.raises(GateRecordError, match=r"no SE block in common.*SE_9_1"):
        compare_records(record, renamed)

    twice = record.isel(image=[0, 0, 1])
    with pytest.raises(GateRecordError, match="more than once"):
        compare_records(twice, record)


def test_blocks_of_unlike_width_are_never_in_order():
    one = make_gates({"SE_2_1": [[0.1, 0.2]]}, ["pug"])
    other = make_gates({"SE_2_1": [[0.1, 0.2, 0.3]]}, ["pug"])

    with pytest.raises(UsageError, match=r"first record has 2 of them, the second 3"):
        compare_records(one, other, is_in_order=True)


def test_one_class_leaves_class_numbers_unknown():
    one = make_gates({"SE_2_1": np.random.default_rng(0).random((6, 3))}, ["a"] * 6)

    found = compare_records(one, one)

    assert np.isnan(found["class_share_change"]).all()
    assert np.isnan(found["separability_change"]).all()
    assert np.isnan(found["correlation"]).all()
    assert found["gate_difference"].item() == 0
