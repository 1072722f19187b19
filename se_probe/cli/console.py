"""What commands print: results to stdout, notes and progress to stderr."""

import json
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from se_probe.cli.table import fit_table

if TYPE_CHECKING:
    from se_probe.training import EpochResult

__all__ = [
    "finite",
    "print_json",
    "print_table",
    "progress_bar",
    "say",
    "say_epoch",
    "typed_command",
]

_NO_WINDOW = 1000

# A run that takes longer, in seconds, is announced.
_LONG = 20


def say(sentence: str) -> None:
    """One note on stderr."""
    print(sentence, file=sys.stderr)


def typed_command() -> str:
    """What was typed, for the captions of figures."""
    return shlex.join(["se-probe", *sys.argv[1:]])


def say_epoch(result: "EpochResult") -> None:
    """How an epoch of training went."""
    say(
        f"epoch {result['epoch']}: training loss {result['train_loss']:.4f}, accuracy "
        f"{100 * result['train_accuracy']:.2f} %; held out {result['test_loss']:.4f}, "
        f"{100 * result['test_accuracy']:.2f} %; {result['seconds']:.1f} s"
    )


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Result as JSON on stdout; null for numbers that are not known or infinite."""
    plain = finite(content)
    print(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False))


def finite(value: Any) -> Any:
    """A value, or what it is made of, with None for NaN and infinity.

    Examples
    --------
    >>> finite({"kl": float("inf"), "rows": [0.5, float("nan")]})
    {'kl': None, 'rows': [0.5, None]}
    """
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Result as a table on stdout; numbers to the right, thousands with commas.

    In a narrow window words are shortened in their middle, then columns are left out
    from the right, which a note says. Numbers are never cut.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    window = _window()
    fitted = fit_table(columns, rows, window)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name, is_number in zip(fitted.columns, fitted.is_number, strict=True):
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in fitted.rows:
        table.add_row(*row)
    Console(width=window, highlight=False).print(table)
    if fitted.left_out:
        say(
            f"note: {', '.join(fitted.left_out)} left out, because the window has only "
            f"{window} columns; widen it, or give --json"
        )


def _window() -> int:
    """Characters of a line; a pipe or a file has room for any table."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return _NO_WINDOW


@contextmanager
def progress_bar(
    what: str, *, quiet: bool = False, unit: str = "images"
) -> Iterator[Callable[[int, int], None] | None]:
    """Bar on stderr with rate and time left; plain lines where stderr is no terminal.

    Yields
    ------
    callable or None
        To be called with how many are done and how many there are.
    """
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _line_progress(what, unit)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, rate="")
        meter = _Rate()

        def update(done: int, total: int) -> None:
            rate = meter(done)
            shown = f"{rate:.0f} {unit}/s" if rate else ""
            bar.update(task, completed=done, total=total, rate=shown)

        yield update


def _line_progress(what: str, unit: str) -> Callable[[int, int], None]:
    """How long it will take after the first steps; a line every ten seconds."""
    meter, last, announced = _Rate(), [time.monotonic()], [False]

    def update(done: int, total: int) -> None:
        now, rate = time.monotonic(), meter(done)
        seconds = meter.seconds_left(done, total)
        if seconds and not announced[0]:
            announced[0] = True
            if seconds > _LONG:
                say(f"{what}: about {_duration(seconds)} left")
        if done < total and now - last[0] < 10:
            return
        last[0], announced[0] = now, True
        speed = f", {rate:.0f} per second" if rate else ""
        left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
        say(f"{what}: {done:,} of {total:,} {unit}{speed}{left}")

    return update


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class _Rate:
    """Units per second since the first call; None until there is one to compare with.

    The first call tells where the work starts: a resumed run has done some before.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[float, int]] = []

    def __call__(self, done: int) -> float | None:
        if len(self.steps) < 2:
            self.steps.append((time.monotonic(), done))
        return None if len(self.steps) < 2 else self._since(self.steps[0], done)

    def seconds_left(self, done: int, total: int) -> float | None:
        """At the rate without the first step, which is slower (it warms up, compiles).

        None before the second step.
        """
        if len(self.steps) < 2 or done <= self.steps[1][1]:
            return None
        return (total - done) / self._since(self.steps[1], done)

    def _since(self, step: tuple[float, int], done: int) -> float:
        since, before = step
        return (done - before) / max(time.monotonic() - since, 1e-9)
