"""Constants that are given, or come from a record: of this network, or refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from networks import (
    assert_same_logits,
    blocks_of,
    built,
    frozen_logits,
    logits,
    pictures,
    places,
)
from se_probe.checkpoints import weights_sha256
from se_probe.errors import BlockError, BlockNameError, GateRecordError, UsageError
from se_probe.gates import make_gates
from se_probe.pruning import drop_se_blocks
from se_probe.record import record_gates


def test_gates_are_frozen_at_the_mean_of_their_record(lenet, digits, tmp_path):
    gates = record_gates(lenet, digits, out=tmp_path / "run.zarr")
    images = pictures(lenet)

    frozen = drop_se_blocks(lenet, ["SE_2_1"], "frozen", gates)

    mean = {"se": gates.values.mean(axis=0, dtype=np.float64)}
    assert_same_logits(logits(frozen, images), frozen_logits(lenet, mean, images))
    assert frozen.provenance.removed_blocks[0]["n_images"] == 20
    by_name = {"SE_2_1": mean["se"]}
    again = drop_se_blocks(lenet, ["SE_2_1"], "frozen", constants=by_name)
    assert torch.equal(logits(again, images), logits(frozen, images))


def test_a_record_of_another_checkpoint_is_refused(lenet, digits):
    other = built("se_lenet", seed=1)
    gates = record_gates(other, digits)

    with pytest.raises(GateRecordError, match=r"of other weights \(se_lenet"):
        drop_se_blocks(lenet, ["SE_2_1"], "frozen", gates)
    with pytest.raises(GateRecordError, match="of other weights"):
        drop_se_blocks(lenet, ["SE_2_1"], gates=gates)


def test_a_record_that_does_not_say_of_what_is_refused(lenet):
    gates = make_gates({"SE_2_1": np.ones((1, 16))}, ["a"])

    with pytest.raises(GateRecordError, match="does not say of which checkpoint"):
        drop_se_blocks(lenet, ["SE_2_1"], "frozen", gates)


def test_a_network_without_a_file_is_known_by_its_weights(lenet, digits):
    own = replace(lenet, provenance=replace(lenet.provenance, sha256=""))
    gates = record_gates(own, digits)

    frozen = drop_se_blocks(own, ["SE_2_1"], "frozen", gates)

    assert places(frozen) == {"se": "fc1"}


def test_a_record_with_other_preprocessing_is_warned_of(lenet, digits):
    gates = record_gates(lenet, digits)
    own = replace(lenet, preprocessing=replace(lenet.preprocessing, crop_pct=0.5))

    with pytest.warns(UserWarning, match=r"crop_pct 1.0 \(the network's own: 0.5\)"):
        drop_se_blocks(own, ["SE_2_1"], "frozen", gates)


def test_a_record_without_the_block_is_refused(cifar):
    blocks = blocks_of(cifar)
    attrs = {"sha256": weights_sha256(cifar.model)}
    names = [block.name for block in blocks[:2]]
    gates = make_gates(
        {name: np.ones((2, 16)) for name in names}, ["a", "b"], attrs=attrs
    )

    frozen = drop_se_blocks(cifar, names, "frozen", gates)
    with pytest.raises(GateRecordError, match=r"no gates of SE_2_3 \(layer1.2.se\)"):
        drop_se_blocks(cifar, ["SE_2_*"], "frozen", gates)

    assert len(frozen.provenance.removed_blocks) == 2


def test_a_record_of_no_images_is_refused(lenet):
    attrs = {"sha256": lenet.provenance.sha256}
    gates = make_gates({"SE_2_1": np.full((2, 16), np.nan)}, ["a", "b"], attrs=attrs)

    with pytest.raises(GateRecordError, match="none of the record has been recorded"):
        drop_se_blocks(lenet, ["SE_2_1"], "frozen", gates)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"blocks": ["SE_2_9"], "how": "identity"},
            BlockNameError,
            "Did you mean SE_2_1",
        ),
        ({"blocks": []}, UsageError, "which blocks"),
        ({"how": "mean"}, UsageError, "identity, frozen, got 'mean'"),
        ({"how": "frozen"}, UsageError, "give what to calibrate with"),
        ({}, UsageError, "say --how identity"),
        (
            {"how": "identity", "constants": {"se": np.ones(16)}},
            UsageError,
            "needs no calibration; leave constants out",
        ),
        (
            {"how": "frozen", "constants": {"se": np.ones(8)}},
            BlockError,
            r"each of its 16 channels, got shape \(8,\)",
        ),
        ({"how": "frozen", "constants": {}}, BlockError, "16 channels, got none"),
        (
            {"how": "frozen", "constants": {"se": np.full(16, np.inf)}},
            BlockError,
            "constants of SE_2_1 hold NaN or infinity",
        ),
        (
            {"how": "frozen", "constants": {"SE_3_1": np.ones(16)}},
            BlockNameError,
            "no SE block is called 'SE_3_1'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, error, message, lenet):
    with pytest.raises(error, match=message):
        drop_se_blocks(lenet, **({"blocks": ["SE_2_1"]} | arguments))


def test_gates_and_constants_together_are_refused(lenet, digits):
    gates = record_gates(lenet, digits)

    with pytest.raises(UsageError, match="got a gate record and constants"):
        drop_se_blocks(lenet, ["se"], "frozen", gates, constants={"se": np.ones(16)})
