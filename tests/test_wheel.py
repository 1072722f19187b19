"""The wheel that `python -m build` makes works where only it is installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*words, **settings):
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, **settings
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A clean environment with the wheel; what it needs is lent by this one."""
    folder = tmp_path_factory.mktemp("wheel")
    names = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    (folder / "source").mkdir()
    for name in names:
        shutil.copy(ROOT / name, folder / "source")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "se_probe", folder / "source" / "se_probe", ignore=ignored)
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist")
    run(sys.executable, *build, folder / "source")
    (wheel,) = (folder / "dist").iterdir()
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    target = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"
    ).strip()
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", "--no-build-isolation", wheel)
    lent = Path(sysconfig.get_path("purelib"))
    (Path(target) / "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    return folder / "env" / "bin" / "se-probe"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Settings of a process that sees no source of this project."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    place = tmp_path_factory.mktemp("elsewhere")
    own |= {"SE_PROBE_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    return {"cwd": place, "env": own}


def test_wheel_inspects_and_plots_a_committed_checkpoint(installed, alone):
    checkpoint = ROOT / "checkpoints" / "se_lenet_digits.pt"

    blocks = run(installed, "inspect", "--ckpt", checkpoint, **alone)
    few = ("--per-class", 3, "--figures", "profiles", "--format", "png")
    drawn = (installed, "plot", "--ckpt", checkpoint, "--out", "drawn", *few)
    figures = run(*drawn, **alone)

    assert "SE_2_1" in blocks
    assert "drawn/profiles.png" in figures
    assert (alone["cwd"] / "drawn" / "profiles.png").stat().st_size > 10_000


def test_wheel_holds_what_is_not_code(installed, alone):
    python = installed.with_name("python")
    script = (
        "import se_probe, pathlib; folder = pathlib.Path(se_probe.__file__).parent;"
        "print(folder); [print((folder / name).is_file()) for name in ('py.typed',"
        "'data/imagenet_classes.csv', 'plots/se_probe.mplstyle', 'report/page.html',"
        "'report/page.css', 'report/page.js')]"
    )

    folder, *is_there = run(python, "-c", script, **alone).split()

    assert str(installed.parents[1]) in folder
    assert is_there == ["True"] * 6
