"""Names from data as canvas text: as they are, and never as formulas."""

__all__ = ["plain", "short"]

_NO_BREAK = "\u2060"


def plain(text: str) -> str:
    """Text that Bokeh will not take for a formula.

    Returns
    -------
    str

    Examples
    --------
    >>> plain("goldfish"), plain("$$x$$") == "$$x$$"
    ('goldfish', False)
    """
    for start in ("$$", r"\[", r"\("):
        # An invisible character between the two parts them.
        text = text.replace(start, f"{start[0]}{_NO_BREAK}{start[1]}")
    return text


def short(text: str, length: int = 24) -> str:
    """Text cut where an axis would have no room for it.

    Returns
    -------
    str

    Examples
    --------
    >>> short("a" * 30, 8)
    'aaaaaaa…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"
