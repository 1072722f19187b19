"""Every recipe of docs/ship.md runs: with se_probe, and in a process without it."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from networks import assert_same_logits, built, logits, pictures
from se_probe.checkpoints import load_network, save_network
from se_probe.cli import documented_app
from se_probe.pruning import drop_se_blocks, export_code, export_network

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

PAGE = (Path(__file__).parents[2] / "docs" / "ship.md").read_text("utf-8")
RECIPES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^se-probe ((?:.*\\\n)*.*)$", PAGE, re.MULTILINE)

# What an engineer's own trainer does, and how it may save the weights.
TRAIN_ON = """
import torch
from small_model import build

model = build()
with torch.no_grad():
    model.classifier.bias.add_(1)
images = torch.zeros(2, 3, 64, 64)
torch.save(model.state_dict(), "tuned.pt")
torch.save({"epoch": 3, "model": model.state_dict()}, "trainer.pt")
torch.jit.trace(model, images).save("script.pt")
torch.export.save(torch.export.export(model, (images,)), "program.pt2")
"""


def run_without_se_probe(folder: Path, program: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c"),
            f"import sys; sys.modules['se_probe'] = None\n{program}",
        ],
        cwd=folder,
        check=True,
        env={"PATH": "", "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def small():
    """A network of which a block is gone, for images of 64 pixels."""
    network = built("mobilenetv3_small_100")
    return drop_se_blocks(network, ["SE_4_1"], "identity")


@pytest.fixture(scope="module")
def shipped(small, tmp_path_factory):
    """Folder with all that the page's first command writes, and photos."""
    folder = tmp_path_factory.mktemp("ship")
    save_network(small, folder / "small.pt")
    export_code(small, folder / "small.pt")
    for name in ("small.onnx", "small.pt2"):
        export_network(small, folder / name)
    return folder


def test_recipes_run_without_se_probe(shipped):
    recipes = [code for code in RECIPES if "se_probe" not in code]
    program = "\n".join(
        [
            "import torch",
            "images = torch.zeros(1, 3, 64, 64)",
            *recipes,
            "assert json.loads(files['preprocessing'])['input_size'] == [3, 64, 64]",
            "assert json.loads(facts['removed_blocks'])[0]['name'] == 'SE_4_1'",
            "for each in (torch.from_numpy(scores), logits):",
            "    assert torch.allclose(model(images), each, rtol=1e-2, atol=1e-2)",
        ]
    )

    assert len(recipes) == 4
    run_without_se_probe(shipped, program)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_recipes_run_with_se_probe(shipped, photos, tmp_path, monkeypatch):
    recipes = [code for code in RECIPES if "se_probe" in code]
    here = tmp_path / "here"
    (here / "photos").mkdir(parents=True)
    (here / "photos" / "val").symlink_to(photos)
    shutil.copy(shipped / "small.pt", here)
    monkeypatch.chdir(here)

    for code in recipes:
        exec(code, {})

    assert len(recipes) == 2
    assert {"again.safetensors", "fixed.onnx", "int8.onnx"} <= {
        path.name for path in here.iterdir()
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_networks_that_were_trained_on_elsewhere_come_back(shipped, small):
    run_without_se_probe(shipped, TRAIN_ON)

    images = pictures(small)
    for name in ("tuned.pt", "trainer.pt", "script.pt", "program.pt2"):
        tuned = load_network(shipped / name, like=shipped / "small.pt")

        assert_same_logits(logits(tuned, images), logits(small, images) + 1)
        assert tuned.provenance.removed_blocks == small.provenance.removed_blocks


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_is_understood(command):
    tokens = shlex.split(command.replace("\\\n", " "))

    documented_app().parse_args(tokens, exit_on_error=False, print_error=False)


def test_the_page_shows_commands():
    assert len(COMMANDS) >= 6
