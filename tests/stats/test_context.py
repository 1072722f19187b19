"""The correlation of gates with their own squeeze."""

import numpy as np
import pytest
import scipy.stats

from records import beside, with_squeeze
from se_probe.errors import GateRecordError
from se_probe.gates import State, make_gates
from se_probe.stats import channel_table, context_slope


def test_slope_is_the_correlation_of_scipy(tmp_path):
    gates, squeeze = with_squeeze(tmp_path)

    found = context_slope(gates)

    for channel in range(gates.sizes["channel"] - 1):
        expected = scipy.stats.pearsonr(
            gates.values[:, channel].astype(float), squeeze[:, channel].astype(float)
        )
        slope = found["context_slope"][channel].item()
        assert slope == pytest.approx(expected.statistic, abs=1e-9)
    np.testing.assert_allclose(found["mean_gate"], gates.values.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found["mean_squeeze"], squeeze.mean(0), rtol=1e-5)
    assert found.attrs["n_images"] == 40


def test_gate_that_is_its_squeeze_has_slope_one_and_a_constant_none(tmp_path):
    gates, _ = with_squeeze(tmp_path)

    slopes = context_slope(gates)["context_slope"].values

    assert slopes[0] == pytest.approx(1)
    assert slopes[1] == pytest.approx(-1)
    assert np.isnan(slopes[-1])


def test_slope_of_squeezes_dealt_at_random_is_near_zero(tmp_path):
    gates, squeeze = with_squeeze(tmp_path)
    dealt = np.random.default_rng(1).permuted(squeeze, axis=0)
    shuffled = beside(gates, dealt, tmp_path / "shuffled.zarr")

    slopes = context_slope(shuffled)["context_slope"].values[:-1]

    assert np.abs(slopes).max() < 0.5  # three standard errors of 40 images
    assert abs(slopes.mean()) < 0.2


def test_only_recorded_rows_count(tmp_path):
    gates, squeeze = with_squeeze(tmp_path)
    state = np.where(np.arange(40) < 30, State.RECORDED, State.SKIPPED)
    part = gates.assign_coords(state=("image", state.astype(np.uint8)))

    found = context_slope(part)

    expected = np.corrcoef(gates.values[:30, 2], squeeze[:30, 2])[0, 1]
    assert found["context_slope"][2].item() == pytest.approx(expected, abs=1e-6)
    assert found.attrs["n_images"] == 30


def test_record_without_squeeze_names_the_option():
    gates = make_gates({"SE_2_1": [[0.5], [0.25]]}, ["pug", "cliff"])

    with pytest.raises(GateRecordError, match="--with squeeze,energy"):
        context_slope(gates)


def test_channel_table_has_the_slope_where_it_is_known(tmp_path):
    gates, _ = with_squeeze(tmp_path)

    table = channel_table(gates, blocks=["SE_3_1"])

    own = gates["block"].values == "SE_3_1"
    expected = context_slope(gates)["context_slope"].values[own]
    np.testing.assert_allclose(table["context_slope"], expected)
    plain = make_gates({"SE_2_1": [[0.5], [0.25]]}, ["pug", "cliff"])
    assert "context_slope" not in channel_table(plain)
