"""Map of images by the principal components of a block's gates."""

import numpy as np
import pytest

from records import noisy_gates
from se_probe.errors import BlockNameError, GateRecordError, UsageError
from se_probe.gates import State, make_gates
from se_probe.views import image_map

# Points on two perpendicular lines through (0.5, 0.5): the long one along (1, 1), the
# short one along (1, -1).
CROSS = [[0.2, 0.2], [0.8, 0.8], [0.4, 0.6], [0.6, 0.4]]


def test_the_axes_run_along_the_longest_spread():
    record = make_gates({"SE_2_1": CROSS}, ["pug"] * 4)

    view = image_map(record, "SE_2_1")

    half = np.sqrt(2) * np.array([0.3, 0.1])
    np.testing.assert_allclose(
        np.abs(view["first"]), [half[0]] * 2 + [0] * 2, atol=1e-7
    )
    np.testing.assert_allclose(
        np.abs(view["second"]), [0] * 2 + [half[1]] * 2, atol=1e-7
    )
    assert view.attrs["variance_share"] == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("n_channels", [90, 600], ids=["exact", "randomized"])
def test_a_block_is_mapped_as_numpy_would(n_channels):
    record = noisy_gates([60, 60, 60], effect=0.3, channels=(4, n_channels))

    view = image_map(record, "SE_2_2")

    gates = record.values[:, 4:].astype(np.float64)
    gates -= gates.mean(axis=0)
    u, s, _ = np.linalg.svd(gates, full_matrices=False)
    for k, name in enumerate(("first", "second")):
        expected = u[:, k] * s[k]
        sign = np.sign(expected @ view[name].values)
        np.testing.assert_allclose(view[name], sign * expected, atol=1e-5)
    share = s[:2] ** 2 / (s**2).sum()
    np.testing.assert_allclose(view.attrs["variance_share"], share, rtol=1e-5)


def test_equal_records_give_equal_bits():
    record = noisy_gates([60, 60], effect=0.1, channels=(600,))

    one, other = (image_map(record, "SE_2_1") for _ in range(2))

    assert one.identical(other)


def test_images_are_drawn_evenly_by_class():
    names = ["pug"] * 50 + ["cliff"] * 3 + ["plane"] * 30
    record = make_gates({"SE_2_1": np.random.default_rng(0).random((83, 4))}, names)

    view = image_map(record, "SE_2_1", n_drawn=23)

    drawn, counts = np.unique(view["class_name"].values.astype(str), return_counts=True)
    assert dict(zip(drawn, counts.tolist(), strict=True)) == {
        "cliff": 3,
        "plane": 10,
        "pug": 10,
    }
    assert view.attrs["n_recorded"] == 83
    np.testing.assert_array_equal(
        view["image_id"], record["image_id"].values[view["image"]]
    )


def test_what_is_drawn_does_not_change_the_axes():
    record = noisy_gates([30, 30], effect=0.2, channels=(6,))
    whole = image_map(record, "SE_2_1", n_fitted=20)

    few = image_map(record, "SE_2_1", n_fitted=20, n_drawn=7)

    same = np.isin(whole["image"], few["image"])
    assert few.sizes["image"] <= 7
    np.testing.assert_allclose(few["first"], whole["first"][same], atol=1e-12)


def test_more_classes_than_points_still_fit():
    record = make_gates({"SE_2_1": np.eye(9)}, [f"class {k}" for k in range(9)])

    assert image_map(record, "SE_2_1", n_drawn=4).sizes["image"] == 4


def test_only_recorded_images_are_points():
    record = make_gates({"SE_2_1": [*CROSS, [np.nan, 1.0]]}, ["pug"] * 5)

    view = image_map(record, "SE_2_1")

    assert view["image"].values.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "gates", [[[0.5, 0.2]], [[0.5, 0.2]] * 3], ids=["one image", "constant gates"]
)
def test_what_does_not_vary_lies_at_the_origin(gates):
    view = image_map(make_gates({"SE_2_1": gates}, ["pug"] * len(gates)), "SE_2_1")

    assert not view["first"].any()
    assert not view["second"].any()
    assert view.attrs["variance_share"] == [0.0, 0.0]


def test_one_channel_has_no_second_component():
    view = image_map(make_gates({"SE_2_1": [[0.1], [0.9]]}, ["pug"] * 2), "SE_2_1")

    np.testing.assert_allclose(np.abs(view["first"]), 0.4, rtol=1e-6)
    assert not view["second"].any()


def test_the_block_may_be_a_module_path_and_must_be_one():
    attrs = {"blocks": [{"name": "SE_2_1", "path": "layer1.0.se"}, {"name": "SE_3_1"}]}
    values = {"SE_2_1": CROSS, "SE_3_1": CROSS}
    record = make_gates(values, ["pug"] * 4, attrs=attrs)

    assert image_map(record, "layer1.0.se").attrs["block"] == "SE_2_1"
    with pytest.raises(BlockNameError, match="means several blocks"):
        image_map(record, "SE_*")


def test_an_empty_record_and_no_points_are_refused():
    record = make_gates({"SE_2_1": CROSS}, ["pug"] * 4)
    empty = record.assign_coords(state=("image", [State.SKIPPED] * 4))

    with pytest.raises(GateRecordError):
        image_map(empty, "SE_2_1")
    with pytest.raises(UsageError, match="at least 1 image"):
        image_map(record, "SE_2_1", n_drawn=0)
