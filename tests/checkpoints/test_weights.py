"""Which weights are taken of those that a file holds."""

import warnings

import numpy as np
import pytest
import timm
import torch

from checkpoint_files import TINY, assert_same_weights, prefixed, seeded
from se_probe.checkpoints import build_network, load_network, save_network
from se_probe.checkpoints.weights import twins
from se_probe.errors import CheckpointError


@pytest.fixture(scope="module")
def teacher():
    return seeded(lambda: timm.create_model(TINY, num_classes=3), seed=7)


FORMS = {
    "keys": lambda a, b: {"student": a.state_dict(), "teacher": b.state_dict()},
    "prefixes": lambda a, b: prefixed(a, "student.") | prefixed(b, "teacher."),
    "under model": lambda a, b: {
        "model": prefixed(a, "student.") | prefixed(b, "teacher.")
    },
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("arch", [TINY, None])
def test_two_networks_in_one_file_are_named_not_guessed(
    form, arch, small, teacher, tmp_path
):
    torch.save(form(small, teacher), tmp_path / "model.pt")

    with pytest.raises(
        CheckpointError, match=r"2 networks: student, teacher.*--weights student"
    ):
        load_network(tmp_path / "model.pt", arch)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_weights_chooses_among_them(form, small, teacher, tmp_path):
    torch.save(form(small, teacher), tmp_path / "model.pt")

    chosen = load_network(tmp_path / "model.pt", TINY, weights="teacher")

    assert_same_weights(chosen.model, teacher)


def test_raw_weights_can_be_asked_for_beside_averaged_ones(small, teacher, tmp_path):
    content = {"net": small.state_dict(), "ema": teacher.state_dict(), "step": 3}
    torch.save(content, tmp_path / "model.pt")

    averaged = load_network(tmp_path / "model.pt", TINY)
    raw = load_network(tmp_path / "model.pt", TINY, weights="net")

    assert_same_weights(averaged.model, teacher)
    assert any("EMA" in note for note in averaged.notes)
    assert_same_weights(raw.model, small)
    assert not any("EMA" in note for note in raw.notes)


@pytest.mark.parametrize(
    "names",
    [
        [f"{layer}.{kind}" for layer in ("conv", "norm", "fc") for kind in "wb"],
        [f"block{n}.{layer}.w" for n in range(4) for layer in ("conv", "fc")],
    ],
)
def test_layers_of_one_network_are_no_networks(names):
    assert twins(names) == []


def test_a_part_that_is_not_there_is_named_with_those_that_are(small, tmp_path):
    content = {"student": small.state_dict(), "teacher": small.state_dict()}
    torch.save(content, tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match=r"no weights 'ema'.*student, teacher"):
        load_network(tmp_path / "model.pt", TINY, weights="ema")


def test_the_only_weights_are_taken_whatever_their_key(small, tmp_path):
    torch.save({"generator": small.state_dict(), "epoch": 3}, tmp_path / "model.pt")

    assert_same_weights(load_network(tmp_path / "model.pt", TINY).model, small)


@pytest.mark.parametrize("is_zip", [True, False])
def test_numpy_arrays_are_read(is_zip, small, tmp_path):
    arrays = {name: t.numpy() for name, t in small.state_dict().items()}
    torch.save(
        {"params": arrays},
        tmp_path / "model.pt",
        _use_new_zipfile_serialization=is_zip,
    )

    assert_same_weights(load_network(tmp_path / "model.pt", TINY).model, small)


def test_an_npz_archive_is_read(small, tmp_path):
    arrays = {name: t.numpy() for name, t in small.state_dict().items()}
    np.savez(tmp_path / "model.npz", **arrays)

    assert_same_weights(load_network(tmp_path / "model.npz", TINY).model, small)


def test_quantised_networks_are_named(tmp_path):
    packed = {"fc.scale": torch.ones(()), "fc._packed_params._packed_params": (1, None)}
    torch.save({"state_dict": packed}, tmp_path / "int8.pt")

    with pytest.raises(CheckpointError, match=r"int8.pt.*quantised.*float checkpoint"):
        load_network(tmp_path / "int8.pt", TINY)


def test_nan_in_the_weights_is_told_with_its_place(small, tmp_path):
    weights = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    weights["classifier.bias"][1] = float("nan")
    weights["classifier.weight"][:, 0] = float("nan")
    torch.save(weights, tmp_path / "model.pt")

    with pytest.raises(
        CheckpointError,
        match=r"holds NaN in 2 of its .* first in classifier.weight \(3 of \d+ numbers",
    ):
        load_network(tmp_path / "model.pt", TINY)


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        (torch.float16, "the weights are float16 in model.pt, and float32 in"),
        (torch.bfloat16, "the weights are bfloat16 in model.pt, and float32 in"),
        (torch.float64, "the weights are float64 in model.pt, and float32 in"),
        (torch.float8_e4m3fn, "the weights are float8_e4m3fn in model.pt, and float32"),
    ],
)
def test_another_precision_is_told(small, tmp_path, dtype, said):
    converted = {
        name: t.to(dtype) if t.is_floating_point() else t
        for name, t in small.state_dict().items()
    }
    torch.save(converted, tmp_path / "model.pt")

    network = load_network(tmp_path / "model.pt", TINY)

    assert any(note.startswith(said) for note in network.notes)
    for name, tensor in network.model.state_dict().items():
        torch.testing.assert_close(tensor, converted[name].to(tensor.dtype))


def test_some_weights_of_another_precision_are_told(small, tmp_path):
    weights = small.state_dict()
    weights["classifier.weight"] = weights["classifier.weight"].half()
    torch.save(weights, tmp_path / "model.pt")

    notes = load_network(tmp_path / "model.pt", TINY).notes

    assert any(note.startswith("some of the weights are float16") for note in notes)


def test_a_checkpoint_of_ours_holds_one_network(small_own):
    with pytest.raises(CheckpointError, match="one network: leave --weights ema out"):
        load_network(small_own, weights="ema")


@pytest.fixture
def small_own(tmp_path):
    save_network(build_network("se_lenet", seed=0), tmp_path / "own.pt")
    return tmp_path / "own.pt"


def test_a_network_that_knows_no_parts_says_so(small, tmp_path):
    torch.save(small.state_dict(), tmp_path / "model.pt")

    with pytest.raises(CheckpointError, match="holds one network: leave --weights out"):
        load_network(tmp_path / "model.pt", TINY, weights="ema")


@pytest.mark.parametrize(
    ("number", "precision"), [(float("inf"), "float32"), (1e300, "float64")]
)
def test_infinite_weights_are_told_with_their_place(small, tmp_path, number, precision):
    weights = dict(small.state_dict())
    changed = weights["classifier.bias"].to(getattr(torch, precision), copy=True)
    changed[1] = number
    torch.save(weights | {"classifier.bias": changed}, tmp_path / "model.pt")

    with pytest.raises(
        CheckpointError, match=r"infinite numbers in 1 of .*classifier.bias \(1 of \d"
    ):
        load_network(tmp_path / "model.pt", TINY)


def holding_itself(weights):
    content = dict.fromkeys(["model"])
    content["model"] = content
    return content


def nested(weights):
    name, tensor = next((k, v) for k, v in weights.items() if v.ndim == 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nested tensors may change
        return weights | {name: torch.nested.nested_tensor(list(tensor))}


def packed(weights):
    zeros = torch.zeros(weights["conv1.weight"].shape, dtype=torch.uint8)
    return weights | {"conv1.weight": zeros.view(torch.float4_e2m1fn_x2)}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (lambda w: {k: v.to_sparse() for k, v in w.items()}, "is sparse; save"),
        (lambda w: {k: v.to("meta") for k, v in w.items()}, "holds no values; save"),
        (lambda w: {k: v + 0j for k, v in w.items()}, "is complex; save"),
        (
            lambda w: {k: (100 * v).char() for k, v in w.items()},
            r"numbers \(int8\), as",
        ),
        (
            lambda w: {k: (100 * v).byte() for k, v in w.items()},
            r"numbers \(uint8\), a",
        ),
        (lambda w: {k: v > 0 for k, v in w.items()}, r"truth values \(bool\), as in"),
        (nested, "holds a nested tensor, .*weight"),
        (packed, r"is packed \(float4"),
        (holding_itself, r"is damaged \(it holds itself\)"),
    ],
)
def test_weights_that_cannot_be_copied_are_one_sentence(tmp_path, changed, sentence):
    weights = build_network("se_lenet", seed=0).model.state_dict()
    torch.save(changed(weights), tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=sentence):
        load_network(tmp_path / "net.pth", "se_lenet")
