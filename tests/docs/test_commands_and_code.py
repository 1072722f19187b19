"""What the pages tell a reader to type works as it stands there."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from commands import run_command
from documents import PAGES, ROOT, python, typed
from foreign_networks import MoskomuleCifar
from se_probe.checkpoints import Network, save_network
from se_probe.cli import documented_app
from se_probe.images import Preprocessing, open_images

README = ROOT / "README.md"
# Training runs are tested with less data elsewhere; installing changes the shell, and
# a page is served until it is stopped.
TESTED_ELSEWHERE = {
    "demo",
    "train",
    "reproduce",
    "explore",
    "--install-completion",
    "COMMAND",
}
CLASSES = {
    "n01443537": (255, 130, 0),
    "n02110958": (150, 110, 80),
    "n02690373": (120, 170, 255),
    "n09246464": (60, 90, 40),
}
N_EACH = 220


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_have_these_options(page):
    app = documented_app()

    for words in typed(page):
        if words[0] not in {"COMMAND", "--install-completion"}:
            app.parse_args(words, print_error=False, exit_on_error=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_of_a_page_is_python(page):
    for text in python(page):
        ast.parse(text)


def test_table_of_commands_has_options_that_exist():
    rows = re.findall(r"^\| `se-probe (\w+)", README.read_text("utf-8"), re.MULTILINE)
    options = re.findall(r"`(--[a-z][a-z-]+)", README.read_text(encoding="utf-8"))
    known = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert len(rows) >= 11
    # pip's, torchrun's and the shell's own are not ours
    assert [name for name in options if name not in known] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the README's reader has: model.pt and photos/val."""
    folder = tmp_path_factory.mktemp("reader")
    draw = np.random.default_rng(0)
    for wnid, colour in CLASSES.items():
        (folder / "photos" / "val" / wnid).mkdir(parents=True)
        for number in range(N_EACH):
            pixels = np.clip(draw.normal(colour, 40, (32, 32, 3)), 0, 255)
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(folder / "photos" / "val" / wnid / f"{number:03}.png")
    (folder / "checkpoints").symlink_to(ROOT / "checkpoints")
    save_network(knows_colours(folder / "photos" / "val"), folder / "model.pt")
    return folder


def knows_colours(photos: Path) -> Network:
    """A small network that tells the four classes apart by their mean features."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_efficientnet").eval()
    network = Network(
        model,
        Preprocessing((3, 32, 32), crop_pct=1.0),
        "imagenet-1k",
        architecture="timm:test_efficientnet",
    )
    images = open_images(photos, network.preprocessing)
    with torch.inference_mode():
        x = torch.cat([images.batch(k) for k in range(images.n_batches)])[: len(images)]
        features = model.forward_head(model.forward_features(x), pre_logits=True)
        of_images = torch.tensor(
            [network.class_names.find(wnid).index for wnid in images.class_names]
        )
        for index in of_images.unique():
            mean = features[of_images == index].mean(0)
            model.classifier.weight[index] = 2 * mean
            model.classifier.bias[index] = -mean.square().sum()
    return network


def test_commands_of_the_readme_do_what_it_says(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SE_PROBE_CACHE", str(place / "cache"))

    for words in typed(README):
        needs_mnist = "checkpoints/se_lenet_mnist.pt" in words
        if words[0] in TESTED_ELSEWHERE or needs_mnist:
            continue
        result = run_command(*words)
        assert result.status == 0, (words, result.stderr)


def test_code_of_the_readme_runs(place, monkeypatch):
    monkeypatch.chdir(place)
    given = {"train": lambda model: model(torch.zeros(2, 3, 32, 32))}

    for text in python(README):
        exec(compile(text, "README.md", "exec"), given)

    assert Path("profiles.png").is_file()


def test_code_about_the_models_runs(monkeypatch):
    published = torchvision.models.vgg16_bn  # its weights are not fetched here
    monkeypatch.setattr(
        torchvision.models, "vgg16_bn", lambda weights: published(init_weights=False)
    )
    given = {"state_dict": MoskomuleCifar(3, 6).state_dict()}

    for text in python(ROOT / "docs" / "models.md"):
        exec(compile(text, "models.md", "exec"), given)

    assert given["model"].architecture == "se_resnet20_cifar"
