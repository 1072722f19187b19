"""Statistics of gate records."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from sklearn.neighbors import NearestCentroid

from se_probe.errors import GateRecordError, UsageError
from se_probe.gates import (
    State,
    block_facts,
    create_record,
    make_gates,
    open_gates,
    write_batch,
)
from se_probe.gates import rows as gates_module
from se_probe.stats import (
    block_summary,
    class_moments,
    input_dependence,
    reference_curve,
    saturation,
    separability,
    variance_shares,
    wilson_interval,
)
from se_probe.stats.by_block import sum_by_block

EVERY_BLOCK_STATISTIC = {
    "variance_shares": lambda record: variance_shares(class_moments(record)),
    "input_dependence": lambda record: input_dependence(class_moments(record)),
    "saturation": saturation,
    "separability": separability,
    "block_summary": block_summary,
}


def one_channel(*groups):
    """Record of one block of one channel; one list of gates per class a, b, c, ..."""
    names = [name for name, group in zip("abcdef", groups, strict=False) for _ in group]
    values = np.concatenate(groups)[:, None]
    return make_gates({"SE_2_1": values}, names)


def noisy_gates(sizes, effect, channels=(8, 16), seed=0):
    """Record of gates around 0.5; classes of these sizes differ by `effect`."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    values = {
        f"SE_2_{block}": 0.5
        + effect * rng.normal(size=(len(sizes), width))[rows]
        + 0.05 * rng.normal(size=(len(rows), width))
        for block, width in enumerate(channels, 1)
    }
    return make_gates(values, [f"class {k:02}" for k in rows])


def shuffled(record, seed=0):
    """The same gates under other images' labels."""
    order = np.random.default_rng(seed).permutation(record.sizes["image"])
    names = record["class_name"].values[order]
    index = record["class_index"].values[order]
    return record.assign_coords(
        class_name=("image", names), class_index=("image", index)
    )


def damaged(record):
    """The record with every 5th row skipped and every 7th NaN, and its intact rows."""
    position = np.arange(record.sizes["image"])
    state = np.full(len(position), State.RECORDED, np.uint8)
    state[position % 5 == 0] = State.SKIPPED
    state[position % 7 == 0] = State.NAN
    intact = state == State.RECORDED
    whole = record.where(xr.DataArray(intact, dims="image"))
    return whole.assign_coords(state=("image", state)), record.isel(image=intact)


def on_disk(record, path, batch_size):
    """The record, written to disk in batches and opened again."""
    names = ("image_id", "class_name", "wnid", "class_index")
    rows = {name: record[name].values for name in names}
    attrs = {name: value for name, value in record.attrs.items() if name != "blocks"}
    group = create_record(
        path,
        blocks=block_facts(record),
        rows=rows,
        batch_size=batch_size,
        attrs=attrs,
    )
    for number, start in enumerate(range(0, record.sizes["image"], batch_size)):
        part = record.isel(image=slice(start, start + batch_size))
        write_batch(
            group, number, part.values, part["predicted"].values, part["state"].values
        )
    return open_gates(path)


# --- class moments -------------------------------------------------------------------


def test_moments_of_two_classes_worked_out_by_hand():
    record = make_gates(
        {"SE_2_1": [[0.25, 1], [0.5, 0], [0.75, 0.5]]}, ["pug", "cliff", "pug"]
    )

    moments = class_moments(record)

    assert moments["class_name"].values.tolist() == ["cliff", "pug"]
    assert moments["count"].values.tolist() == [1, 2]
    np.testing.assert_array_equal(moments["mean"], [[0.5, 0], [0.5, 0.75]])
    # (0.25, 0.75): squares 2 * 0.25**2 = 0.125 over n - 1 = 1.
    np.testing.assert_allclose(
        moments["sd"], [[np.nan, np.nan], [0.125**0.5, 0.125**0.5]]
    )


def test_moments_carry_labels_and_attributes_of_the_record():
    record = make_gates(
        {"SE_2_1": [[0.1, 0.2]], "SE_3_1": [[0.3]]},
        ["pug"],
        wnids=["n02110958"],
        class_index=[254],
        attrs={"architecture": "seresnet50"},
    )

    moments = class_moments(record)

    assert moments["block"].values.tolist() == ["SE_2_1", "SE_2_1", "SE_3_1"]
    assert moments["stage"].values.tolist() == [2, 2, 3]
    assert moments["channel_in_block"].values.tolist() == [0, 1, 0]
    assert moments["wnid"].sel(class_name="pug").item() == "n02110958"
    assert moments["class_index"].sel(class_name="pug").item() == 254
    assert moments.attrs == record.attrs
    assert moments["mean"].dtype == moments["sd"].dtype == np.float64


def test_classes_are_ordered_by_index_then_by_name():
    record = make_gates(
        {"SE_2_1": np.full((4, 1), 0.5)},
        ["zebra", "ant", "moth", "bee"],
        class_index=[3, 7, -1, -1],
    )

    moments = class_moments(record)

    assert moments["class_name"].values.tolist() == ["bee", "moth", "zebra", "ant"]


def test_moments_agree_with_numpy_however_the_rows_are_split(monkeypatch):
    record = shuffled(noisy_gates([2, 9, 30, 17], effect=0.1))
    monkeypatch.setattr(gates_module, "_READ_BYTES", 7 * 4 * record.sizes["channel"])

    moments = class_moments(record)

    for name in moments["class_name"].values:
        rows = record.values[record["class_name"].values == name].astype(np.float64)
        found = moments.sel(class_name=name)
        np.testing.assert_allclose(found["mean"], rows.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(found["sd"], rows.std(axis=0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "spread"), [(np.float32, 1e-6), (np.float64, 1e-6), (np.float64, 1e-10)]
)
def test_gates_that_hardly_vary_keep_their_standard_deviation(
    monkeypatch, dtype, spread
):
    noise = np.random.default_rng(0).normal(size=(600, 4))
    values = (0.5 + spread * noise).astype(dtype)
    record = make_gates({"SE_2_1": values}, ["pug"] * 600).copy(data=values)
    monkeypatch.setattr(gates_module, "_READ_BYTES", 100 * 4 * 4)

    moments = class_moments(record)

    expected = values.std(axis=0, ddof=1, dtype=np.float64)
    np.testing.assert_allclose(moments["sd"].values[0], expected, rtol=1e-3)


def test_class_means_weigh_back_to_the_overall_mean():
    record = noisy_gates([3, 11, 6], effect=0.1)

    moments = class_moments(record)

    weighted = moments["mean"].weighted(moments["count"]).mean("class_name")
    overall = record.values.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(weighted, overall, rtol=1e-13)


def test_classes_without_a_recorded_image_are_left_out():
    record = one_channel([0.5, 0.5], [0.1])
    record["state"][2] = State.SKIPPED

    moments = class_moments(record)

    assert moments["class_name"].values.tolist() == ["a"]


@pytest.mark.parametrize("statistic", [class_moments, saturation, separability])
def test_a_record_without_recorded_images_is_refused(statistic):
    record = one_channel([0.5, 0.5])
    record["state"][:] = State.NOT_RECORDED

    with pytest.raises(
        GateRecordError, match=r"none of the 2 images .* `se-probe record`"
    ):
        statistic(record)


def test_a_class_name_with_two_wnids_is_refused():
    record = make_gates(
        {"SE_2_1": [[0.1], [0.2]]},
        ["crane", "crane"],
        wnids=["n02012849", "n03126707"],
        class_index=[134, 517],
    )

    with pytest.raises(
        GateRecordError, match="2 for 'crane': n02012849 at 134, n03126707 at 517"
    ):
        class_moments(record)


def test_memory_of_moments_does_not_grow_with_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(gates_module, "_READ_BYTES", 2**17)
    record = on_disk(noisy_gates([1000, 1000], 0.1, (500,)), tmp_path / "r.zarr", 50)

    tracemalloc.start()
    class_moments(record)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < record.nbytes / 2


def test_reference_curve_weighs_classes_and_not_images():
    record = one_channel([0.25, 0.25, 0.25], [0.75])

    curve = reference_curve(class_moments(record))

    assert curve.dims == ("channel",)
    assert curve.values.tolist() == [0.5]
    assert curve["block"].values.tolist() == ["SE_2_1"]


# --- variance shares -----------------------------------------------------------------


def test_variance_shares_of_unequal_classes_worked_out_by_hand():
    # Class means 0.25 (n 2) and 0.75 (n 4), overall 3.5 / 6 = 7 / 12.
    # SSW = 2 / 64 + 4 / 64 = 3 / 32; within = SSW / (6 - 2) = 3 / 128.
    # SSB = 2 (1/3)**2 + 4 (1/6)**2 = 1 / 3; n0 = 6 - (4 + 16) / 6 = 8 / 3.
    # between = (1/3 - 3/128) / (8/3) = 119 / 1024.
    record = one_channel([0.125, 0.375], [0.625, 0.875, 0.625, 0.875])

    shares = variance_shares(class_moments(record))

    total = 24 / 1024 + 119 / 1024
    assert shares["within"].item() == pytest.approx(24 / 1024 / total)
    assert shares["between"].item() == pytest.approx(119 / 1024 / total)
    assert shares["between_channels"].item() == 0


def test_variance_between_channels_worked_out_by_hand():
    # Each channel: classes apart by 0.5 without spread within, so SSB = 4 / 16 and
    # between = SSB / 1 / n0 = 0.25 / 2 = 1 / 8; channel means 0.25 and 0.75, so
    # between channels = 2 / 16. Two channels: 2 / 8 against 1 / 8.
    values = [[0.0, 0.5], [0.0, 0.5], [0.5, 1.0], [0.5, 1.0]]
    record = make_gates({"SE_2_1": values}, ["a", "a", "b", "b"])

    shares = variance_shares(class_moments(record))

    assert shares["within"].item() == 0
    assert shares["between"].item() == pytest.approx(2 / 3)
    assert shares["between_channels"].item() == pytest.approx(1 / 3)


def test_variance_components_agree_with_scipy_anova():
    record = noisy_gates([12, 12, 12, 12], effect=0.04, channels=(1, 1, 1))

    shares = variance_shares(class_moments(record))

    groups = np.split(record.values.astype(np.float64), 4)
    f_ratio = scipy.stats.f_oneway(*groups).statistic
    # F = (within + n between) / within where all classes have n images.
    assert (f_ratio > 1).all()
    np.testing.assert_allclose(
        shares["between"] / shares["within"], (f_ratio - 1) / 12, rtol=1e-9
    )


def test_variance_components_find_the_truth_behind_unequal_classes():
    sizes = np.random.default_rng(1).integers(2, 30, size=300)
    record = noisy_gates(sizes, effect=0.1, channels=(64,))

    shares = variance_shares(class_moments(record))

    ratio = (shares["between"] / shares["within"]).item()
    assert ratio == pytest.approx(0.1**2 / 0.05**2, rel=0.05)


def test_classes_of_one_image_have_no_say_in_variance_shares():
    few = one_channel([0.1, 0.3], [0.5, 0.6])
    more = one_channel([0.1, 0.3], [0.5, 0.6], [0.9])

    shares = variance_shares(class_moments(more))

    xr.testing.assert_identical(shares, variance_shares(class_moments(few)))


def test_classes_more_alike_than_chance_would_have_them_share_no_variance():
    # Equal class means; the estimate without the cut would be (0 - within) / 2.
    record = one_channel([0.25, 0.75], [0.25, 0.75])

    shares = variance_shares(class_moments(record))

    assert shares["between"].item() == 0
    assert shares["within"].item() == 1


def test_variance_shares_sum_to_one():
    record = noisy_gates([4, 9, 2, 7], effect=0.02)

    shares = variance_shares(class_moments(record))

    np.testing.assert_allclose(shares.to_array().sum("variable"), 1, rtol=1e-12)
    assert (shares.to_array() >= 0).all()


@pytest.mark.parametrize("n_per_class", [2, 3, 50])
def test_variance_between_shuffled_classes_is_near_zero(n_per_class):
    record = shuffled(noisy_gates([n_per_class] * 300, effect=0.1, channels=(64, 64)))

    shares = variance_shares(class_moments(record))

    assert (shares["between"] < 0.02).all()


@pytest.mark.parametrize("groups", [([0.1, 0.2],), ([0.1], [0.2]), ([0.1, 0.2], [0.3])])
def test_variance_shares_are_nan_without_two_classes_of_two_images(groups):
    record = one_channel(*groups)

    shares = variance_shares(class_moments(record))

    assert shares["block"].values.tolist() == ["SE_2_1"]
    assert shares.isnull().all().to_array().all()


def test_variance_shares_of_a_constant_block_are_nan():
    record = one_channel([0.3, 0.3], [0.3, 0.3])

    shares = variance_shares(class_moments(record))

    assert shares.isnull().all().to_array().all()


# --- input dependence ----------------------------------------------------------------


def test_input_dependence_worked_out_by_hand():
    # Channel 1: 0 and 1, Var 1/4, E[g**2] 1/2. Channel 2: 0.5, Var 0, E[g**2] 1/4.
    record = make_gates({"SE_2_1": [[0.0, 0.5], [1.0, 0.5]]}, ["pug", "cliff"])

    dependence = input_dependence(class_moments(record))

    assert dependence.item() == pytest.approx((1 / 4) / (3 / 4))


def test_input_dependence_agrees_with_the_variance_over_all_images():
    record = noisy_gates([1, 2, 20, 1], effect=0.1)

    dependence = input_dependence(class_moments(record))

    rows = record.values.astype(np.float64)
    blocks = np.split(rows, [8], axis=1)
    expected = [
        block.var(axis=0).sum() / (block**2).mean(axis=0).sum() for block in blocks
    ]
    np.testing.assert_allclose(dependence, expected, rtol=1e-12)


def test_input_dependence_does_not_depend_on_the_labels():
    record = noisy_gates([4, 8, 3], effect=0.1)

    dependence = input_dependence(class_moments(shuffled(record)))

    np.testing.assert_allclose(
        dependence, input_dependence(class_moments(record)), rtol=1e-12
    )


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_constant_gates_do_not_depend_on_the_input(gate):
    record = one_channel([gate] * 3, [gate] * 2)

    assert input_dependence(class_moments(record)).item() == 0


def test_input_dependence_of_one_image_is_nan():
    record = one_channel([0.3])

    assert np.isnan(input_dependence(class_moments(record)).item())


# --- saturation ----------------------------------------------------------------------


def test_saturation_counts_both_ends_with_their_bounds():
    record = make_gates(
        {"SE_4_2": [[0.0, 0.05, 0.06, 0.5]], "SE_4_10": [[0.94, 0.95, 0.99, 1.0]]},
        ["pug"],
    )

    shares = saturation(record)

    assert shares["block"].values.tolist() == ["SE_4_2", "SE_4_10"]
    assert shares["closed"].values.tolist() == [0.5, 0]
    assert shares["open"].values.tolist() == [0, 0.75]


def test_margin_widens_what_counts_as_saturated_and_is_kept():
    record = one_channel([0.1, 0.2, 0.7, 0.9])

    shares = saturation(record, margin=0.2)

    assert (shares["closed"].item(), shares["open"].item()) == (0.5, 0.25)
    assert shares["open"].attrs["margin"] == 0.2


@pytest.mark.parametrize("margin", [-0.01, 0.51, float("nan")])
def test_a_margin_that_is_no_distance_from_an_end_is_refused(margin):
    with pytest.raises(UsageError, match=r"margin must be between 0 and 0\.5"):
        saturation(one_channel([0.5]), margin)


# --- separability --------------------------------------------------------------------


def test_separability_of_two_classes_worked_out_by_hand():
    # 0.6 is 0.6 from the mean 0 of the rest of its class, and 0.19 from 0.79: a miss.
    # 0.5 is 0.3625 from the mean 0.8625 of the rest, and 0.38 from 0.12: a hit.
    record = one_channel([0.0, 0.0, 0.0, 0.0, 0.6], [0.5, 0.85, 0.85, 0.85, 0.9])

    result = separability(record)

    assert result["accuracy"].item() == 0.9
    assert result["chance"].item() == 0.5
    assert (result["n_images"].item(), result["n_classes"].item()) == (10, 2)
    interval = (result["low"].item(), result["high"].item())
    assert interval == wilson_interval(9, 10)


def test_an_image_does_not_vote_for_its_own_class():
    # With itself, 0.45 is 0.36 from the mean 0.09 of its class and 0.38 from 0.83;
    # without itself, 0.45 from the mean 0.
    record = one_channel([0.0, 0.0, 0.0, 0.0, 0.45], [0.83] * 5)

    assert separability(record)["accuracy"].item() == 0.9


@pytest.mark.parametrize("effect", [0, 0.03])
def test_separability_agrees_with_leaving_out_each_image_in_scikit_learn(effect):
    record = noisy_gates([5, 9, 6], effect, channels=(3, 6))

    accuracy = separability(record)["accuracy"].values

    labels = record["class_name"].values.astype(str)
    for found, gates in zip(
        accuracy, np.split(record.values, [3], axis=1), strict=True
    ):
        hits = [
            NearestCentroid()
            .fit(np.delete(gates, i, 0).astype(np.float64), np.delete(labels, i))
            .predict(gates[[i]])[0]
            == labels[i]
            for i in range(len(labels))
        ]
        assert found == pytest.approx(np.mean(hits))


def test_separability_is_1_where_classes_lie_apart_by_less_than_rounding_of_squares():
    rng = np.random.default_rng(0)
    values = 0.9 + 1e-9 * rng.normal(size=(3, 400)).repeat(6, axis=0)
    names = np.repeat(["a", "b", "c"], 6)
    record = make_gates({"SE_2_1": values}, names).copy(data=values)

    assert separability(record)["accuracy"].item() == 1


def test_shuffled_labels_are_told_apart_no_better_than_by_chance():
    record = shuffled(noisy_gates([100] * 10, effect=0.1, channels=(8, 32)))

    result = separability(record)

    np.testing.assert_allclose(result["accuracy"], 0.1, atol=0.03)
    np.testing.assert_allclose(result["chance"], 0.1)


def test_chance_is_the_share_of_the_largest_class():
    record = shuffled(noisy_gates([300, 60, 40], effect=0, channels=(200,)))

    result = separability(record)

    assert result["chance"].item() == 0.75
    # Unequal sizes alone beat 1 / K, but never the share of the largest class.
    assert 1 / 3 < result["low"].item() < result["high"].item() < 0.75


def test_classes_of_fewer_than_five_images_take_no_part_in_separability():
    large = [0.1] * 5, [0.9] * 5
    record = one_channel(*large, [0.12] * 4)

    result = separability(record)

    assert result["accuracy"].item() == 1
    assert (result["n_images"].item(), result["n_classes"].item()) == (10, 2)


@pytest.mark.parametrize(("groups", "n_classes"), [((5, 4), 1), ((4, 4), 0)])
def test_separability_is_nan_without_two_classes_of_five_images(groups, n_classes):
    record = one_channel(*([0.1 * n] * n for n in groups))

    result = separability(record)

    for name in ("accuracy", "chance", "low", "high"):
        assert np.isnan(result[name].item())
    assert result["n_classes"].item() == n_classes


def test_constant_gates_tell_nothing_apart():
    record = one_channel([0.3] * 5, [0.3] * 15)

    result = separability(record)

    assert result["accuracy"].item() <= result["chance"].item()


def test_known_moments_spare_a_pass_and_change_nothing():
    record = noisy_gates([6, 7, 8], effect=0.03)

    result = separability(record, class_moments(record))

    xr.testing.assert_identical(result, separability(record))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilson_interval_agrees_with_scipy(confidence):
    for n in (1, 2, 10, 777):
        for hits in {0, 1, n // 3, n // 2, n - 1, n}:
            low, high = wilson_interval(hits, n, confidence)

            test = scipy.stats.binomtest(hits, n)
            expected = test.proportion_ci(confidence, method="wilson")
            assert (low, high) == pytest.approx(
                (expected.low, expected.high), abs=1e-12
            )
            assert 0 <= low <= hits / n <= high <= 1


def test_wilson_interval_of_no_trials_is_nan():
    assert np.isnan(wilson_interval(0, 0)).all()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((6, 5), "between 0 and 5 hits in 5 trials, got 6"),
        ((-1, 5), "got -1"),
        ((1, 5, 95), "confidence must be between 0 and 1, got 95"),
    ],
)
def test_a_proportion_that_cannot_be_is_refused(arguments, match):
    with pytest.raises(UsageError, match=match):
        wilson_interval(*arguments)


# --- all of them ---------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_BLOCK_STATISTIC)
def test_blocks_come_in_network_order(name):
    names = ["SE_4_2", "SE_4_10", "SE_3_1"]
    values = {block: np.full((10, 2), 0.1 * k) for k, block in enumerate(names, 1)}
    record = make_gates(values, ["a"] * 5 + ["b"] * 5)

    result = EVERY_BLOCK_STATISTIC[name](record)

    assert result["block"].values.tolist() == names


def test_a_channel_that_is_nan_makes_its_block_nan_and_no_other():
    record = make_gates({"SE_2_1": [[0.1, 0.2]], "SE_2_2": [[0.5, 0.25]]}, ["pug"])
    values = class_moments(record)["mean"][0]
    values[0] = np.nan

    sums = sum_by_block(values)

    np.testing.assert_array_equal(sums, [np.nan, 0.75])


@pytest.mark.parametrize("name", EVERY_BLOCK_STATISTIC)
def test_skipped_and_nan_rows_change_nothing(name):
    record, intact = damaged(noisy_gates([12, 9, 15], effect=0.04))

    result = EVERY_BLOCK_STATISTIC[name](record)

    xr.testing.assert_allclose(result, EVERY_BLOCK_STATISTIC[name](intact), rtol=1e-12)


@pytest.mark.parametrize("name", EVERY_BLOCK_STATISTIC)
def test_a_record_on_disk_gives_the_numbers_of_one_in_memory(
    name, tmp_path, monkeypatch
):
    record, _ = damaged(noisy_gates([12, 9, 15], effect=0.04))
    stored = on_disk(record, tmp_path / "run.zarr", batch_size=8)
    expected = EVERY_BLOCK_STATISTIC[name](record)
    monkeypatch.setattr(gates_module, "_READ_BYTES", 1)

    result = EVERY_BLOCK_STATISTIC[name](stored)

    xr.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_block_is_measured_the_same_alone_and_among_others():
    record = noisy_gates([6, 8, 7], effect=0.03, channels=(4, 6, 5))

    alone = block_summary(record.sel(channel=record["block"] == "SE_2_2"))

    among_others = block_summary(record).sel(block=["SE_2_2"])
    xr.testing.assert_allclose(alone, among_others, rtol=1e-12)


def test_summary_holds_every_statistic_beside_the_facts():
    facts = [
        {"name": "SE_2_1", "stage": 2, "channels": 8, "parameters": 40},
        {"name": "SE_2_2", "stage": 2, "channels": 16, "parameters": 144},
    ]
    record = noisy_gates([6, 8], effect=0.03).assign_attrs(blocks=facts)
    moments = class_moments(record)

    summary = block_summary(record, moments)

    assert summary["stage"].values.tolist() == [2, 2]
    assert summary["channels"].values.tolist() == [8, 16]
    assert summary["parameters"].values.tolist() == [40, 144]
    xr.testing.assert_equal(summary["input_dependence"], input_dependence(moments))
    for part in (variance_shares(moments), saturation(record), separability(record)):
        xr.testing.assert_equal(summary[list(part)], part)
    assert summary.attrs == record.attrs


def test_summary_leaves_out_parameters_that_the_record_does_not_know():
    summary = block_summary(one_channel([0.1, 0.2], [0.3, 0.4]))

    assert "parameters" not in summary


def test_statistics_do_not_load_torch():
    code = "import sys, se_probe.stats; print('torch' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
