"""What is installed fits the machines that the README promises."""

import re
import subprocess
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]


def pinned_names():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return re.findall(r"^([\w.-]+)==", pins, flags=re.MULTILINE)


def oldest_python():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup["options"]["python_requires"].removeprefix(">=") + ".0"


@pytest.mark.parametrize("name", pinned_names())
def test_the_tested_set_can_be_installed_on_the_oldest_python(name):
    # pip otherwise looks through all versions of everything, for many minutes.
    try:
        needed = metadata(name)["Requires-Python"]
    except PackageNotFoundError:
        pytest.skip(f"{name} is not needed on this machine")

    assert SpecifierSet(needed or "").contains(oldest_python())


def test_every_package_is_imported_by_its_one_door():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = {path.parent.name for path in (ROOT / "se_probe").glob("*/__init__.py")}

    doors = {
        section["allowed_importers"]: section["protected_modules"]
        for section in config.values()
        if section.get("type") == "protected"
    }

    assert doors == {f"se_probe.{name}": f"se_probe.{name}.*" for name in packages}


def test_no_large_file_is_committed():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("the files are not a git checkout")

    sizes = {
        name: (ROOT / name).stat().st_size
        for name in filter(None, listed.stdout.split("\0"))
        if (ROOT / name).exists()
    }

    assert [name for name, size in sizes.items() if size > 1_500_000] == []
