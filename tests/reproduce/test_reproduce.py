"""Reproducing: equal seeds agree bit for bit, and what breaks that is noticed."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from se_probe.errors import GateRecordError, SEProbeError, UsageError
from se_probe.gates import make_gates
from se_probe.images.reading import BatchReader
from se_probe.reproduce import (
    compare_runs,
    reproduce,
    sources_of_randomness,
    train_run,
)
from se_probe.running import pinned_numerics
from se_probe.stats import class_moments, class_similarity, compare_without_order
from se_probe.training import recipe_for

SHORT = replace(recipe_for("se_lenet", "digits"), epochs=2, per_class=4, batch_size=8)
# What the command makes of it.
OPTIONS = ("--epochs", 2, "--per-class", 4, "--batch-size", 8, "--recorded", 3)


def two_runs(out, recipes=(SHORT, SHORT), arch="se_lenet"):
    return [
        train_run(arch, "digits", recipe, out, number=number, n_recorded=3)
        for number, recipe in enumerate(recipes, start=1)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("reproduced")
    return reproduce(
        "se_lenet", "digits", [0, 0, 1], SHORT, out, n_recorded=3, threads=1
    )


# --- equal seeds, other seeds --------------------------------------------------------


def test_equal_seeds_agree_bit_for_bit_and_others_do_not(made):
    equal, other, third = made.pairs

    assert made.is_reproduced
    assert equal.is_bit_identical
    assert equal.largest_difference == 0
    assert (equal.first_difference, other.first_difference) == ("", "random weights")
    assert (third.first, third.second, third.seeds) == (2, 3, (0, 1))
    assert not (other.same_weights)
    assert not (other.same_gates)
    assert not (other.same_figure)
    first, _, last = (run.gates.values for run in made.runs)
    assert first.shape == (30, 16)
    assert np.abs(first - last).max() > 0.01


def test_across_seeds_no_gate_is_compared_place_by_place(made):
    _, other, _ = made.pairs

    assert other.largest_difference is None
    [block] = other.blocks
    assert block["block"] == "SE_2_1"
    assert block["profile_difference"] > 0
    assert -1 <= block["similarity"] <= 1


def test_figures_and_json_are_written(made, tmp_path):
    folder = made.paths[-1].parent
    facts = json.loads((folder / "reproduce.json").read_text())

    assert {path.name for path in folder.iterdir()} == {
        *("heatmap_run1_seed0.png", "heatmap_run2_seed0.png", "heatmap_run3_seed1.png"),
        *("side_by_side_SE_2_1.png", "side_by_side_SE_2_1.txt", "reproduce.json"),
    }
    assert facts == json.loads(json.dumps(made.facts()))
    assert facts["is_reproduced"] is True
    assert facts["runs"][0]["weights_sha256"] == facts["runs"][1]["weights_sha256"]
    assert facts["pairs"][0]["bit_identical"] is True


@pytest.mark.parametrize("seeds", [[], [0], [0, 1]])
def test_a_seed_must_be_used_twice(seeds, tmp_path):
    with pytest.raises(UsageError, match="expected seeds such as 0,0,1"):
        reproduce("se_lenet", "digits", seeds, SHORT, tmp_path)


# --- broken pins ---------------------------------------------------------------------


def test_another_data_order_is_noticed(monkeypatch, tmp_path):
    def unseeded(seed, epoch, what):
        return torch.Generator().manual_seed(int.from_bytes(os.urandom(7)))

    monkeypatch.setattr("se_probe.training.loop.generator_for", unseeded)

    [pair] = compare_runs(two_runs(tmp_path))

    assert pair.first_difference == "epoch 1"
    assert not (pair.same_weights)
    assert not (pair.same_gates)
    assert not (pair.same_figure)
    assert pair.largest_difference > 0


def test_a_reader_that_draws_unseeded_noise_is_noticed(monkeypatch, tmp_path):
    read = BatchReader._read_into

    def read_noisily(self, pixels, row, index):
        problem = read(self, pixels, row, index)
        noise = np.random.default_rng().random(pixels[row].shape)
        pixels[row] += 1e-3 * torch.from_numpy(noise)
        return problem

    monkeypatch.setattr(BatchReader, "_read_into", read_noisily)

    [pair] = compare_runs(two_runs(tmp_path))

    assert pair.first_difference == "epoch 1"
    assert not pair.is_bit_identical


def test_another_batch_size_is_noticed(tmp_path):
    [pair] = compare_runs(two_runs(tmp_path, (SHORT, replace(SHORT, batch_size=7))))

    assert pair.seeds == (0, 0)
    assert pair.first_difference == "epoch 1"


# --- what pins ------------------------------------------------------------------------


def test_every_source_is_listed_as_torch_is_set():
    with pinned_numerics(1):
        sources = sources_of_randomness(
            SHORT, torch.device("cpu"), workers=2, own_code=None
        )

    assert {source.name for source in sources} >= {
        *("Python random", "numpy.random", "torch", "workers", "data order"),
        *("cuDNN", "cuBLAS", "TF32", "threads"),
    }
    assert all(source.is_pinned for source in sources)
    held_by = {source.name: source.held_by for source in sources}
    assert held_by["workers"].startswith("2;")
    assert held_by["threads"] == "1 on the CPU"


def test_what_is_not_pinned_is_named(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)

    sources = sources_of_randomness(
        SHORT, torch.device("cuda"), workers=0, own_code="mine:net"
    )

    loose = {source.name for source in sources if not source.is_pinned}
    assert loose == {"algorithms", "cuDNN", "cuBLAS", "TF32", "mine:net"}


OWN_NETWORKS = '''
import random

import numpy as np
import torch
from torch import nn

from se_probe.models import create_model


class Own(nn.Module):
    """SE-LeNet after another first step."""

    def __init__(self, step, num_classes):
        super().__init__()
        self.net, self.step = create_model("se_lenet", num_classes=num_classes), step
        self.start = nn.Parameter(torch.tensor(random.random() + np.random.rand()))

    def forward(self, x):
        return self.net(self.step(x, self.start))


def shift(x, start):
    return x + start * (random.random() + np.random.rand())


def unrepeatable(x, start):
    places = torch.arange(x.numel()).reshape(x.shape)
    return x + start * torch.zeros_like(x).put_(places, x.detach())


def unseeded(x, start):
    return x + start * np.random.default_rng().random()


def drawing_network(num_classes=10):
    return Own(shift, num_classes)


def unrepeatable_network(num_classes=10):
    return Own(unrepeatable, num_classes)


def unseeded_network(num_classes=10):
    return Own(unseeded, num_classes)
'''


@pytest.fixture
def own_networks(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(OWN_NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_networks"


def test_random_numbers_of_python_and_numpy_are_pinned_too(own_networks, tmp_path):
    [pair] = compare_runs(two_runs(tmp_path, arch=f"{own_networks}:drawing_network"))

    assert pair.same_weights


def test_an_operation_that_cannot_be_repeated_is_named(own_networks, tmp_path):
    arch = f"{own_networks}:unrepeatable_network"

    with pytest.raises(SEProbeError, match=r"no deterministic implementation of put_"):
        two_runs(tmp_path, arch=arch)


# --- without the order of channels ---------------------------------------------------


def test_order_of_channels_does_not_matter_across_seeds():
    rng = np.random.default_rng(0)
    values, names = rng.random((12, 8)), ["pug", "cliff", "plane", "goldfish"] * 3
    one = class_moments(make_gates({"SE_2_1": values}, names))
    other = class_moments(make_gates({"SE_2_1": values[:, rng.permutation(8)]}, names))

    alike = compare_without_order(one, other)

    assert alike["profile_difference"].item() == 0
    assert alike["class_profile_difference"].item() == 0
    assert alike["similarity"].item() == pytest.approx(1)


def test_class_similarity_is_the_correlation_of_centred_class_means():
    means = np.array([[0.1, 0.5, 0.3], [0.2, 0.1, 0.9], [0.6, 0.6, 0.6]])
    centred = means - means.mean(0)

    similarity = class_similarity(means)

    expected = np.corrcoef(centred[0], centred[2])[0, 1]
    assert similarity[0, 2] == pytest.approx(expected)


def test_similarity_is_not_defined_for_two_classes_or_constant_gates():
    two = class_moments(make_gates({"SE_2_1": [[0.1, 0.9], [0.3, 0.2]]}, ["a", "b"]))
    flat = class_moments(make_gates({"SE_2_1": [[0.5, 0.5]] * 3}, ["a", "b", "c"]))

    assert np.isnan(compare_without_order(two, two)["similarity"].item())
    assert np.isnan(compare_without_order(flat, flat)["similarity"].item())
    with pytest.raises(GateRecordError, match="the same classes"):
        compare_without_order(two, flat)


# --- side by side --------------------------------------------------------------------


# --- the command ---------------------------------------------------------------------


def test_command_says_what_a_seed_decides(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    status, out, err = command("reproduce", "--seeds", "0,0", *OPTIONS, "--threads", 1)

    assert status == 0, err
    assert "equal seeds agree bit for bit" in out
    assert "channel order has no meaning across seeds" in out
    assert "CUBLAS_WORKSPACE_CONFIG" in out
    assert (tmp_path / "figures/reproduce_se_lenet_digits/reproduce.json").is_file()


def test_command_fails_when_equal_seeds_differ(command, own_networks, tmp_path):
    arch = f"{own_networks}:unseeded_network"

    status, out, err = command(
        *("reproduce", "--arch", arch, "--seeds", "0,0", *OPTIONS, "--threads", 1),
        *("--out", tmp_path / "out", "--json", "--quiet"),
    )

    assert status == 1
    assert json.loads(out)["is_reproduced"] is False
    assert "runs 1 and 2 have the seed 0 both and differ, first in their epoch 1" in err
    assert f"not pinned: {arch}" in err


@pytest.mark.parametrize("seeds", ["0", "0,1", "0,x", "", "-1,-1"])
def test_seeds_that_cannot_be_meant_are_refused(command, seeds):
    status, _, err = command("reproduce", f"--seeds={seeds}")

    assert status == 2
    assert "seed" in err
    assert "Traceback" not in err


def test_unknown_architecture_is_named_with_near_misses(command):
    status, _, err = command("reproduce", "--arch", "se_lennet")

    assert status == 2
    assert "se_lenet" in err
