"""The checkpoints of this repository are what their README says."""

import re
import tarfile
from pathlib import Path

import pytest
import torch

from se_probe.checkpoints import load_network, weights_sha256
from se_probe.errors import CheckpointError
from se_probe.evaluation import evaluate
from se_probe.files import file_sha256
from se_probe.images import open_images

FOLDER = Path(__file__).parents[2] / "checkpoints"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
IGNORED = (FOLDER.parent / ".gitignore").read_text(encoding="utf-8")


def readme_rows(first_word_of_second_cell):
    """Cells of the table rows of the README, by the name of the file."""
    pattern = rf"^\| `(\S+\.pt)` \| `({first_word_of_second_cell}.*?)` \|(.*)\|$"
    rows = re.findall(pattern, README, flags=re.MULTILINE)
    return {name: [cell, *map(str.strip, rest.split("|"))] for name, cell, rest in rows}


SUMS = readme_rows("[0-9a-f]{64}")
TRAINED = readme_rows("se-probe train")


def test_readme_tells_of_every_file():
    committed = re.findall(r"^!/checkpoints/(\S+\.pt)$", IGNORED, flags=re.MULTILINE)

    assert set(SUMS) == set(TRAINED) == set(committed)


@pytest.mark.parametrize("name", SUMS)
def test_sums_in_the_readme_are_those_of_the_files(name):
    network = load_network(FOLDER / name, device="cpu")

    assert SUMS[name][0] == file_sha256(FOLDER / name)
    assert SUMS[name][1] == f"`{weights_sha256(network.model)}`"


@pytest.mark.parametrize("name", SUMS)
def test_a_changed_number_in_a_committed_checkpoint_is_noticed(name, tmp_path):
    content = torch.load(FOLDER / name, weights_only=True)
    next(iter(content["weights"].values())).view(-1)[0] += 1
    torch.save(content, tmp_path / name)

    with pytest.raises(CheckpointError, match="checksum"):
        load_network(tmp_path / name)


@pytest.mark.parametrize("name", SUMS)
def test_checkpoint_loads_by_itself_and_holds_what_the_readme_says(name):
    network = load_network(FOLDER / name, device="cpu")

    command, accuracy, interval, n_images = TRAINED[name]
    metrics = network.provenance.metrics
    low, high = (100 * end for end in metrics["interval"])
    assert f"--arch {network.architecture} " in command
    trained_on = metrics["settings"]["training images"]["name"]
    assert f"--data {trained_on} " in command
    assert f"--seed {network.provenance.seed} " in command
    assert command.endswith(f"--out checkpoints/{name}")
    assert accuracy == f"{100 * metrics['accuracy']:.2f} %"
    assert interval == f"{low:.2f} to {high:.2f} %"
    assert n_images == f"{metrics['n_images']:,}"
    assert not network.notes


@pytest.mark.parametrize("name", SUMS)
def test_no_folder_of_a_machine_is_in_the_file(name):
    content = (FOLDER / name).read_bytes()

    network = load_network(FOLDER / name, device="cpu")

    assert network.provenance.data["path"] is None
    assert not re.search(rb"/(home|root|work|tmp|Users|mnt)/", content)


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_checkpoint_reaches_the_accuracy_that_the_readme_states(data, request):
    root = None if data == "digits" else request.getfixturevalue("real_data") / data

    top1 = top1_of(f"se_lenet_{data}.pt", data, root=root)

    _, accuracy, interval, n_images = TRAINED[f"se_lenet_{data}.pt"]
    assert f"{100 * top1.share:.2f} %" == accuracy
    assert f"{100 * top1.low:.2f} to {100 * top1.high:.2f} %" == interval
    assert f"{top1.n_images:,}" == n_images


def test_accuracy_on_cifar_is_about_what_the_readme_states(real_data, tmp_path):
    with tarfile.open(real_data / "cifar10" / "cifar10_jpg.tar.xz") as pictures:
        first_hundred = [m for m in pictures if re.match(r"test/\w+/00\d\d\.", m.name)]
        pictures.extractall(tmp_path, first_hundred, filter="data")

    top1 = top1_of("se_resnet20_cifar10.pt", tmp_path / "test")

    stated = TRAINED["se_resnet20_cifar10.pt"][1]
    assert top1.n_images == 1000
    assert 100 * top1.low < float(stated.removesuffix(" %")) < 100 * top1.high


def top1_of(name, data, **options):
    network = load_network(FOLDER / name, device="cpu")
    images = open_images(data, network.preprocessing, batch_size=500, **options)
    return evaluate(network, images, n_timed=1).network.top1
