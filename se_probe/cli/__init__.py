"""The command line: one thin command per step, and the only place that prints.

A command is imported when it is called, and imports what it needs when it runs, so that
``se-probe --help`` and drawing from a record never load torch.
"""

import errno
import sys
import warnings
from typing import Any

from cyclopts import App, CycloptsError, Group, Parameter

import se_probe
from se_probe.cli.console import say
from se_probe.cli.usage import PlainHelp, usage_sentence
from se_probe.errors import SEProbeError, UsageError

__all__ = ["COMMANDS", "app", "documented_app", "main"]

# What `se-probe --help` says of each command without importing it: the first line of
# its docstring (a test compares them).
COMMANDS = {
    "demo": "Train an SE-ResNet-50 on drawn pictures and see what its gates do.",
    "inspect": "Show the SE blocks of a network and what they cost.",
    "classes": "Show which ImageNet class would be taken for each name.",
    "record": "Record the gates of every SE block for every image.",
    "plot": "Draw the gates of a network, class by class, with the numbers beside "
    "each figure.",
    "channels": "Tell what the gate of each channel does, in one table.",
    "explore": "Show linked views of a gate record in the browser.",
    "exchange": "Exchange the gates of SE blocks between images and measure what that "
    "does.",
    "report": "Write one page about a gate record: figures, words, tables, in a single "
    "file.",
    "compare": "Compare two gate records of the same images, block by block.",
    "rank": "Rank SE blocks by how dispensable their gates are.",
    "prune": "Remove SE blocks from a network, or freeze their gates and fold them "
    "away.",
    "evaluate": "Measure accuracy, size, work and latency; with --against, what has "
    "changed.",
    "train": "Train a network; the same command gives the same weights, bit for bit.",
    "reproduce": "Train once from each seed and compare weights, gates and figures, "
    "bit for bit.",
    "verify": "Rebuild network and images from what a record says, record again and "
    "compare.",
    "cache": "Show what is kept of earlier commands, or remove it.",
}

_PURPOSE = (
    "Record, look at, and decide on the gates of squeeze-and-excitation networks."
)

app = App(
    name="se-probe",
    help=_PURPOSE,
    version=se_probe.__version__,
    # Flags have no --no-... of their own; of an option given twice the last counts.
    default_parameter=Parameter(negative=(), allow_repeating=True),
    group_arguments=Group("Arguments", sort_key=-1),
    group_parameters=Group("Options", sort_key=0),
    help_format="plaintext",
    help_formatter=PlainHelp(),
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)

for _place, (_name, _summary) in enumerate(COMMANDS.items()):
    app.command(
        f"se_probe.cli.{_name}:{_name}", name=_name, help=_summary, sort_key=_place
    )
app.register_install_completion_command(
    help="Install shell completion (bash, zsh, fish or PowerShell).", sort_key=99
)
app["--help"].help = "Show this message and exit."
app["--version"].help = "Show the version and exit."


def documented_app() -> App:
    """The command line with every command imported, and its whole help."""
    for name in COMMANDS:
        _use_docstring(name)
    return app


def main() -> None:
    """Run a command; deliberate errors become one sentence and an exit status."""
    warnings.showwarning = _say_warning
    arguments = sys.argv[1:]
    try:
        _run(arguments)
    except CycloptsError as error:
        sys.exit(_fail(usage_sentence(error), UsageError.exit_status))
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


def _run(arguments: list[str]) -> None:
    for name in set(arguments[:1]) & set(COMMANDS):
        _use_docstring(name)
    app(arguments)
    if not arguments:  # the help was shown; nothing was asked for
        sys.exit(UsageError.exit_status)


def _use_docstring(name: str) -> None:
    """Show the whole docstring as the help of a command, in place of its summary."""
    app[name].help = None


def _fail(sentence: str, status: int) -> int:
    say(f"se-probe: {sentence}")
    return status


def _os_sentence(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{where}; make room, then the same command resumes"
    return f"{error.strerror}{where}"


def _say_warning(message: Any, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")
