"""How many gates have run into the ends of their range."""

import numpy as np
import pytest
import xarray as xr

from records import noisy_gates, one_channel
from se_probe.errors import UsageError
from se_probe.gates import make_gates
from se_probe.stats import (
    class_moments,
    saturation,
)


def test_saturation_counts_both_ends_with_their_bounds():
    record = make_gates(
        {"SE_4_2": [[0.0, 0.05, 0.06, 0.5]], "SE_4_10": [[0.94, 0.95, 0.99, 1.0]]},
        ["pug"],
    )

    shares = saturation(record)

    assert shares["block"].values.tolist() == ["SE_4_2", "SE_4_10"]
    assert shares["saturated_closed"].values.tolist() == [0.5, 0]
    assert shares["saturated_open"].values.tolist() == [0, 0.75]


def test_margin_widens_what_counts_as_saturated_and_is_kept():
    record = one_channel([0.1, 0.2, 0.7, 0.9])

    shares = saturation(record, margin=0.2)

    assert (shares["saturated_closed"].item(), shares["saturated_open"].item()) == (
        0.5,
        0.25,
    )
    assert shares["saturated_open"].attrs["margin"] == 0.2


@pytest.mark.parametrize("margin", [-0.01, 0.51, float("nan")])
def test_a_margin_that_is_no_distance_from_an_end_is_refused(margin):
    with pytest.raises(UsageError, match=r"margin must be between 0 and 0\.5"):
        saturation(one_channel([0.5]), margin)


def test_moments_are_enough_for_the_usual_margin():
    record = noisy_gates([6, 7], effect=0.3)

    xr.testing.assert_identical(saturation(class_moments(record)), saturation(record))
    with pytest.raises(UsageError, match="needs the gate record itself"):
        saturation(class_moments(record), margin=0.1)


@pytest.mark.parametrize("values", [[[1.0, 1.7]], [[-0.4, 0.9]]])
def test_saturation_of_gates_that_do_not_end_at_0_and_1_is_not_known(values):
    record = make_gates({"SE_2_1": values, "SE_3_1": [[0.01, 0.5]]}, ["pug"])

    shares = saturation(record)

    np.testing.assert_array_equal(shares["saturated_open"], [np.nan, 0])
    np.testing.assert_array_equal(shares["saturated_closed"], [np.nan, 0.5])
    ends = shares["lowest_gate"][0].item(), shares["highest_gate"][0].item()
    assert ends == pytest.approx(tuple(values[0]))


def test_saturation_needs_a_function_that_ends_at_0_and_1():
    facts = [{"name": "SE_2_1", "stage": 2, "channels": 2, "gate": "softmax"}]
    record = make_gates({"SE_2_1": [[0.02, 0.98]]}, ["pug"], attrs={"blocks": facts})

    assert np.isnan(saturation(record)["saturated_open"].item())


@pytest.mark.parametrize(
    ("bounds", "open_share"),
    [([0.0, 1.0], 0.5), ([0.0, 2.0], np.nan), ([None, 1.0], np.nan)],
)
def test_saturation_goes_by_the_ends_of_the_function_and_not_by_its_name(
    bounds, open_share
):
    facts = [{"name": "SE_2_1", "stage": 2, "channels": 2}]
    facts[0] |= {"gate": "other", "bounds": bounds}
    record = make_gates({"SE_2_1": [[0.02, 0.98]]}, ["pug"], attrs={"blocks": facts})

    shares = saturation(record)

    np.testing.assert_array_equal(shares["saturated_open"], [open_share])
