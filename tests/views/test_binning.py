"""Rows and channels averaged down to pixels."""

import numpy as np
import pytest

from records import noisy_gates
from se_probe.gates import make_gates
from se_probe.views import fit_rows, sorted_rows


@pytest.fixture
def rows():
    return sorted_rows(noisy_gates([9, 4, 6], effect=0.1, channels=(23,)))


def test_what_fits_is_left_as_it_is(rows):
    fitted = fit_rows(rows, 19, 23)

    np.testing.assert_array_equal(fitted, rows)
    assert fitted.attrs["channels_per_column"] == 1
    assert fitted.attrs["classes_per_row"] == 1


@pytest.mark.parametrize(("max_rows", "max_channels"), [(10, 7), (3, 1), (19, 22)])
def test_means_weigh_back_to_the_mean_of_all(rows, max_rows, max_channels):
    fitted = fit_rows(rows, max_rows, max_channels)

    assert fitted.sizes["row"] <= max_rows
    assert fitted.sizes["channel"] == max_channels
    edges = np.arange(max_channels) * 23 // max_channels
    widths = np.diff(np.append(edges, 23))
    mean = (fitted * fitted["n_images"] * widths).sum() / (19 * 23)
    assert mean.item() == pytest.approx(rows.mean().item())
    assert fitted["n_images"].sum() == 19


def test_a_row_holds_one_class_where_all_fit(rows):
    fitted = fit_rows(rows, 8, 23)

    assert fitted.attrs["images_per_row"] == 3
    counts = [
        int(fitted["n_images"][fitted["class_name"] == name].sum())
        for name in dict.fromkeys(rows["class_name"].values)
    ]
    assert counts == [9, 4, 6]


def test_more_classes_than_rows_are_averaged_too():
    gates = np.random.default_rng(0).random((50, 3))
    rows = sorted_rows(make_gates({"SE_2_1": gates}, [f"c{k:02}" for k in range(50)]))

    fitted = fit_rows(rows, 20, 3)

    assert fitted.sizes["row"] == 20
    assert fitted.attrs["classes_per_row"] == 3
    np.testing.assert_allclose(fitted[0], rows[:2].mean("row"))
