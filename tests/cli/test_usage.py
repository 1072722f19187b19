"""What is typed and is invalid: one sentence on stderr, and exit status 2."""

import subprocess
import sys

import pytest

from se_probe.cli import COMMANDS


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("recrod", "no command 'recrod'; did you mean record"),
        ("zzz", "no command 'zzz'; see se-probe --help"),
        ("--versoin", "no option --versoin; did you mean --version?"),
        ("record --otu run.zarr", "no option --otu; did you mean --out?"),
        ("record --out=x --bacth-size=3", "no option --bacth-size; did you mean --ba"),
        ("record --out x --zzz", "no option --zzz; see se-probe record --help"),
        ("record", "record needs --out RUN.zarr; see se-probe record --help"),
        ("record --out", "--out needs a value"),
        ("record run.zarr --out x", "takes no further argument; got 'run.zarr'"),
        ("record --out x --batch-size 0", "takes a whole number from 1; got '0'"),
        ("record --out x --batch-size -2", "takes a whole number from 1; got '-2'"),
        ("record --out x --batch-size 1.5", "takes a whole number from 1; got '1.5'"),
        ("record --out x --image-size 7", "takes a whole number from 8; got '7'"),
        ("record --out x --seed abc", "takes a whole number from 0; got 'abc'"),
        ("record --out x --no-json", "no option --no-json; did you mean --json?"),
        (
            "record --out x --precision fp3",
            "--precision takes fp32 or bf16; got 'fp3'; did you mean fp32?",
        ),
        ("train --lr fast", "--lr takes a number; got 'fast'"),
        ("train --flip=maybe", "--flip takes true or false; got 'maybe'"),
        ("rank", "rank needs RECORD; see se-probe rank --help"),
        ("classes", "classes needs NAMES; see se-probe classes --help"),
        ("plot a.zarr b.zarr", "takes no further argument; got 'b.zarr'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(command, typed, sentence):
    status, out, err = command(*typed.split())

    assert (status, out) == (2, "")
    assert err.startswith("se-probe: ")
    assert err.count("\n") == 1
    assert sentence in err


def test_of_an_option_given_twice_the_last_counts(command):
    _, _, err = command("record", "--seed", 1, "--seed", "x", "--out", "y")
    status, _, other = command("record", "--seed", "x", "--seed", 1, "--out", "y")

    assert "got 'x'" in err
    assert status == 2
    assert "which network?" in other


def test_help_is_plain_and_fits_the_window(command, monkeypatch):
    for width in (50, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        for name in COMMANDS:
            status, out, err = command(name, "--help")

            assert (status, err) == (0, "")
            assert out.startswith("Usage: se-probe")
            assert out.isascii()
            lines = [line for line in out.splitlines() if " " in line.strip()]
            assert max(map(len, lines)) <= max(width, 66)


def test_help_imports_no_command_and_nothing_heavy():
    script = """
import sys
sys.argv = ["se-probe", "--help"]
from se_probe.cli import COMMANDS, main
main()
commands = {f"se_probe.cli.{name}" for name in COMMANDS}
print(({"torch", "timm", "matplotlib", "xarray"} | commands) & set(sys.modules))
"""

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    *shown, imported = done.stdout.splitlines()
    assert imported == "set()"
    assert any("plot" in line for line in shown)


def test_completion_is_installed_where_it_is_asked_to_go(command, tmp_path):
    status, out, _ = command(
        "--install-completion", "--shell", "bash", "--output", tmp_path / "se-probe"
    )

    script = (tmp_path / "se-probe").read_text(encoding="utf-8")
    assert status == 0
    assert str(tmp_path / "se-probe") in out
    for word in (*COMMANDS, "--per-class", "--install-completion"):
        assert word in script
