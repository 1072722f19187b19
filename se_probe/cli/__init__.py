"""The command line: one thin command per step, and the only place that prints.

Each command imports what it needs when it runs, so that ``se-probe --help`` and
drawing from a record never load torch.
"""

import errno
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer

import se_probe
from se_probe.cli.console import say
from se_probe.errors import SEProbeError

__all__ = ["app", "main"]

# Plain help (no rich) starts in a third of the time.
app = typer.Typer(
    name="se-probe",
    help="Record, look at, and decide on the gates of squeeze-and-excitation networks.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
)

_COMMANDS = (
    *("demo", "inspect", "classes", "record", "plot", "rank", "prune", "evaluate"),
    *("train", "reproduce", "verify"),
)

for _name in _COMMANDS:
    app.command(_name)(getattr(import_module(f"se_probe.cli.{_name}"), _name))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(se_probe.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; deliberate errors become one sentence and an exit status."""
    warnings.showwarning = _say_warning
    try:
        app()
    except SEProbeError as error:
        sys.exit(_fail(str(error), error.exit_status))
    except KeyboardInterrupt:
        sys.exit(_fail("stopped", 1))
    except BrokenPipeError:  # `se-probe ... | head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno is None:
            raise
        sys.exit(_fail(_os_sentence(error), 1))


def _fail(sentence: str, status: int) -> int:
    say(f"se-probe: {sentence}")
    return status


def _os_sentence(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{where}; make room, then the same command goes on"
    return f"{error.strerror}{where}"


def _say_warning(message: Any, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")
