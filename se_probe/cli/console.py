"""What commands print: results to stdout, notes and progress to stderr."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from se_probe.training import EpochResult

__all__ = ["print_json", "print_table", "progress_bar", "say", "say_epoch"]

_PIPE_WIDTH = 160


def say(sentence: str) -> None:
    """One note on stderr."""
    print(sentence, file=sys.stderr)


def say_epoch(result: "EpochResult") -> None:
    """How an epoch of training went."""
    say(
        f"epoch {result['epoch']}: training loss {result['train_loss']:.4f}, accuracy "
        f"{100 * result['train_accuracy']:.2f} %; held out {result['test_loss']:.4f}, "
        f"{100 * result['test_accuracy']:.2f} %; {result['seconds']:.1f} s"
    )


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Result as JSON on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Result as a table on stdout; numbers to the right, thousands with commas."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for position, column in enumerate(columns):
        is_number = all(not isinstance(row[position], str) for row in rows)
        table.add_column(column, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


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
    """A line every ten seconds, and one at the end."""
    meter, last = _Rate(), [time.monotonic()]

    def update(done: int, total: int) -> None:
        now, rate = time.monotonic(), meter(done)
        if done < total and now - last[0] < 10:
            return
        last[0] = now
        speed = f", {rate:.0f} per second" if rate else ""
        left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
        say(f"{what}: {done:,} of {total:,} {unit}{speed}{left}")

    return update


class _Rate:
    """Units per second since the first call; None until there is one to compare with.

    The first call tells where the work starts: a run that goes on has done some before.
    """

    def __init__(self) -> None:
        self.started: tuple[float, int] | None = None

    def __call__(self, done: int) -> float | None:
        now = time.monotonic()
        if self.started is None:
            self.started = (now, done)
            return None
        since, before = self.started
        return (done - before) / max(now - since, 1e-9)
