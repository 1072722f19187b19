"""`se-probe train`."""

import pytest
from PIL import Image

from commands import run_command
from se_probe.checkpoints import (
    load_network,
)
from se_probe.errors import (
    UsageError,
)


@pytest.fixture
def run_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        few = ["--per-class", "5", "--epochs", "1", "--device", "cpu"]
        return run_command("train", *few, *arguments)

    return run


def test_command_trains_and_says_how_well(run_train, tmp_path):
    result = run_train("--seed", "3")

    assert result.status == 0, result.stderr
    network = load_network(tmp_path / "checkpoints/se_lenet_digits.pt")
    percent = 100 * network.provenance.metrics["accuracy"]
    assert f"held-out accuracy {percent:.2f} % (95 % interval" in result.stdout
    assert "on 500 images, after epoch 1" in result.stdout
    assert "epoch 1: training loss" in result.stderr
    assert network.provenance.seed == 3
    assert (tmp_path / "figures/se_lenet_digits/learning_curve.png").is_file()
    assert (tmp_path / "figures/se_lenet_digits/learning_curve.csv").is_file()


def test_command_gives_json(run_train):
    import json

    result = run_train("--json", "--quiet", "--out", "net.pt")

    content = json.loads(result.stdout)
    assert content["checkpoint"] == "net.pt"
    assert len(content["history"]) == 1
    assert result.stderr == ""


def test_command_says_that_its_images_are_lossy(run_train, tmp_path):
    for side in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "jpegs" / side / name
            folder.mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (32, 32)).save(folder / f"{i}.jpg")

    result = run_train("--data", "cifar10", "--data-root", "jpegs")

    assert "on 6 images of cifar10 as lossy JPEG, after epoch" in result.stdout


def test_another_optimizer_needs_its_own_learning_rate(run_train):
    result = run_train("--optimizer", "sgd")

    assert result.status == UsageError.exit_status
    assert "--optimizer sgd needs --lr" in result.stderr
