"""Count, mean and standard deviation within classes."""

import tracemalloc

import numpy as np
import pytest

from records import noisy_gates, on_disk, one_channel, shuffled
from se_probe.errors import GateRecordError
from se_probe.gates import State, make_gates
from se_probe.gates import rows as gates_module
from se_probe.stats import (
    class_moments,
    reference_curve,
    saturation,
    separability,
)


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
