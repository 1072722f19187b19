"""All numbers of each block side by side."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from records import damaged, noisy_gates, on_disk, one_channel
from se_probe.errors import GateRecordError
from se_probe.gates import make_gates
from se_probe.gates import rows as gates_module
from se_probe.stats import (
    block_summary,
    class_moments,
    input_dependence,
    saturation,
    separability,
    variance_shares,
)
from se_probe.stats.by_block import sum_by_block

EVERY_BLOCK_STATISTIC = {
    "variance_shares": lambda record: variance_shares(class_moments(record)),
    "input_dependence": lambda record: input_dependence(class_moments(record)),
    "saturation": saturation,
    "separability": separability,
    "block_summary": block_summary,
}


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


def test_channels_in_any_order_give_the_same_numbers():
    record = noisy_gates([6, 8, 7], effect=0.03, channels=(4, 6, 5))
    shuffled_channels = np.random.default_rng(0).permutation(15)

    summary = block_summary(record.isel(channel=shuffled_channels))

    xr.testing.assert_allclose(summary, block_summary(record), rtol=1e-12)
    assert summary["block"].values.tolist() == ["SE_2_1", "SE_2_2", "SE_2_3"]


def test_a_channel_that_is_there_twice_is_refused():
    record = noisy_gates([6, 8], effect=0.03)

    with pytest.raises(GateRecordError, match="more than once"):
        block_summary(xr.concat([record, record], "channel"))


def test_statistics_do_not_load_torch():
    code = "import sys, se_probe.stats; print('torch' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
