"""How the command line reads: its help, and what it says where it is not understood."""

import difflib
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cyclopts import Argument, CycloptsError
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

__all__ = ["PlainHelp", "usage_sentence"]

# Columns that the names of options may take; longer ones stand on a line of their own.
_WIDEST_MARGIN = 26


def usage_sentence(error: "CycloptsError") -> str:
    """One sentence on what was typed, and what was meant where that is near."""
    command = " ".join(error.command_chain or ())
    match error:
        case UnknownOptionError():
            name = error.token.keyword or error.token.value
            return _no_option(name, command, error.argument_collection)
        case UnknownCommandError():
            return _unknown_command(error)
        case UnusedCliTokensError():
            extra = " ".join(map(repr, error.unused_tokens or ()))
            return f"{command} takes no further argument; got {extra}"
        case MissingArgumentError():
            return _missing(error, command)
        case CoercionError():
            return _wrong_value(error)
        case _:
            return str(error)


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _no_option(name: str, command: str, arguments: "Iterable[Argument]") -> str:
    known = [n for each in arguments for n in each.names if n not in each.negatives]
    near = _near(name, [*known, "--help"])
    return f"no option {name}{near or f'; see se-probe {command} --help'}"


def _unknown_command(error: UnknownCommandError) -> str:
    name = (error.unused_tokens or [""])[0]
    is_option = name.startswith("-")
    known = [] if error.app is None else list(error.app)
    near = _near(name, [each for each in known if each.startswith("-") == is_option])
    what = f"option {name}" if is_option else f"command {name!r}"
    return f"no {what}{near or '; see se-probe --help'}"


def _missing(error: MissingArgumentError, command: str) -> str:
    argument, app = error.argument, error.app
    if argument is None or app is None:
        return str(error)
    if error.keyword is not None:
        return f"{error.keyword} needs a value"
    # What is missing was perhaps given under a name that is no option's.
    for name in error.unused_tokens or ():
        if name.startswith("--"):
            arguments = app.assemble_argument_collection(parse_docstring=False)
            return _no_option(name.partition("=")[0], command, arguments)
    name = f"{argument.name} {argument.parameter.metavar or ''}".strip()
    return f"{command} needs {name}; see se-probe {command} --help"


def _wrong_value(error: CoercionError) -> str:
    token, argument = error.token, error.argument
    name = (token.keyword if token else None) or (argument.name if argument else "")
    if error.msg is not None:
        return f"{name} {error.msg}"
    got = "" if token is None else f"; got {token.value!r}"
    near = ""
    if get_origin(error.target_type) is Literal and token is not None:
        near = _near(
            token.value, [str(choice) for choice in get_args(error.target_type)]
        )
    return f"{name} takes {_expected(error.target_type)}{got}{near}"


def _expected(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(
        kind, f"a {getattr(kind, '__name__', kind)}"
    )


class PlainHelp:
    """Help without boxes: names to the left, what they mean to the right."""

    def render_usage(
        self, console: "Console", options: "ConsoleOptions", usage: Any
    ) -> None:
        """How the command is called."""
        _write(console, f"Usage: {_plain(usage).strip()}\n")

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: Any
    ) -> None:
        """Paragraphs of a docstring, broken where the window ends."""
        for paragraph in _plain(description).split("\n\n"):
            if paragraph.strip():
                _write(console, fill(paragraph, get_terminal_size().columns) + "\n")

    def __call__(
        self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel"
    ) -> None:
        """One group of arguments, options or commands under its name."""
        if not panel.entries:
            return
        rows = [(_label(entry), _meaning(entry)) for entry in panel.entries]
        margin = min(max(len(label) for label, _ in rows) + 4, _WIDEST_MARGIN)
        width = get_terminal_size().columns
        _write(console, f"{panel.title}:")
        for label, meaning in rows:
            _write(console, _entry(label, meaning, margin, width))
        _write(console, "")


def _entry(label: str, meaning: str, margin: int, width: int) -> str:
    """A name, and its meaning beside it, or below it where it is long."""
    start = f"  {label}"
    if len(start) + 2 > margin:
        indent = " " * margin
        below = fill(meaning, width, initial_indent=indent, subsequent_indent=indent)
        return f"{start}\n{below}" if meaning else start
    return fill(
        meaning,
        width,
        initial_indent=start.ljust(margin),
        subsequent_indent=" " * margin,
    )


def _write(console: "Console", text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _plain(text: Any) -> str:
    """Words of a help text in whichever wrapper of Cyclopts they come."""
    inner = getattr(text, "primary_renderable", text)
    return str(getattr(inner, "plain", inner))


def _label(entry: "HelpEntry") -> str:
    if entry.positional_label:
        return entry.positional_label
    names = [*entry.positive_shorts, *entry.positive_names, *entry.negative_names]
    value = "|".join(entry.choices) if entry.choices else entry.metavar
    return ", ".join(names) + (f" {value}" if value else "")


def _meaning(entry: "HelpEntry") -> str:
    words = _plain(entry.description).split()
    if entry.required:
        words.append("[required]")
    if entry.default is not None:
        words.append(f"[default: {entry.default}]")
    return " ".join(words)
