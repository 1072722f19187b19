"""The command line as a user meets it: what is typed, printed, and given back."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest.mock import patch


class Result(NamedTuple):
    """Exit status, results and notes of one `se-probe ...`."""

    status: int
    stdout: str
    stderr: str


def run_command(*arguments: object) -> Result:
    """Run `se-probe ARGUMENTS` in this process, through `main()`."""
    from se_probe.cli import main

    out, err, status = io.StringIO(), io.StringIO(), 0
    typed = ["se-probe", *map(str, arguments)]
    with patch.object(sys, "argv", typed), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
    return Result(status, out.getvalue(), err.getvalue())
