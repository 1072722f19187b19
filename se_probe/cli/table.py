"""Tables that fit the window without cutting a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FittedTable", "elide", "fit_table"]

# What rich's plain box adds: three characters to each column, and one at the start.
_PER_COLUMN, _AT_START = 3, 1
# Words are not shortened below this: "layer…e.fc2" still tells modules apart.
_SHORTEST = 11


@dataclass(frozen=True)
class FittedTable:
    """Cells of a table as they are printed.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns shown.
    is_number : tuple of bool
        Whether a column holds numbers alone.
    rows : tuple of tuples of str
    left_out : tuple of str
        Names of the columns that had no room.
    """

    columns: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]


def fit_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int
) -> FittedTable:
    """Table in a window: shorter words first, then fewer columns.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences
        One value a column: text, numbers, or None where nothing is known.
    width : int
        Characters of a line.

    Returns
    -------
    FittedTable
        With the first column at least, whatever the width. Numbers are whole.

    Examples
    --------
    >>> fit_table(
    ...     ["block", "module", "gates"], [["SE_2_1", "layer1.0.se", 256]], 30
    ... ).left_out
    ('gates',)
    """
    is_text = [
        any(isinstance(row[i], str) for row in rows) for i in range(len(columns))
    ]
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(map(len, [name, *(row[i] for row in cells)]))
        for i, name in enumerate(columns)
    ]
    least = [
        min(full, max(_SHORTEST, len(name))) if words and i else full
        for i, (full, words, name) in enumerate(
            zip(widths, is_text, columns, strict=True)
        )
    ]
    n_shown = len(columns)
    while n_shown > 1 and _line(least[:n_shown]) > width:
        n_shown -= 1
    shown = _shortened(widths[:n_shown], least[:n_shown], width)
    return FittedTable(
        columns=tuple(columns[:n_shown]),
        is_number=tuple(not words for words in is_text[:n_shown]),
        rows=tuple(
            tuple(elide(text, n) for text, n in zip(row, shown, strict=False))
            for row in cells
        ),
        left_out=tuple(columns[n_shown:]),
    )


def _line(widths: Sequence[int]) -> int:
    return sum(widths) + _PER_COLUMN * len(widths) + _AT_START


def _shortened(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths that fit, taken from the columns with the longest words."""
    fitted = list(widths)
    while _line(fitted) > width:
        room = [now - low for now, low in zip(fitted, least, strict=True)]
        if not any(room):
            break
        longest = max(range(len(fitted)), key=lambda i: (room[i] > 0, fitted[i]))
        fitted[longest] -= 1
    return fitted


def elide(text: str, width: int) -> str:
    """Text of at most so many characters, shortened in the middle.

    Examples
    --------
    >>> elide("layer3.5.conv_dw.se_module", 15)
    'layer3.…_module'
    """
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
