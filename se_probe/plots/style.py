"""The look of the figures: the shipped style, and a colour and dash for each class."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib.style
import xarray as xr
from matplotlib.cbook import normalize_kwargs
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from se_probe.errors import UsageError
from se_probe.views import find_classes

__all__ = [
    "CLOUD",
    "COLOURS",
    "DASHES",
    "LETTER_WIDTH",
    "N_CLEAR",
    "N_NAMED",
    "REFERENCE",
    "REFERENCE_ON_CLOUD",
    "Styles",
    "class_styles",
    "cloud_alpha",
    "house_style",
    "plain_numbers",
    "styles_of",
    "text_scale",
    "use_style",
]

# Line properties by class.
Styles = Mapping[str, Mapping[str, Any]]

_HOUSE = "se_probe.plots.se_probe"
_SIZE = 8.0  # `font.size` of the style, in points
_LARGE = (
    "axes.titlesize",
    "axes.labelsize",
    "figure.titlesize",
    "figure.labelsize",
)
_SMALL = (
    "xtick.labelsize",
    "ytick.labelsize",
    "legend.fontsize",
    "legend.title_fontsize",
)
_FONT_KEYS = (
    *(key for key in matplotlib.rcParamsDefault if key.startswith("font.")),
    *_LARGE,
    *_SMALL,
)
# What `use_style` adds to the style of the package.
_added: ContextVar[Mapping[str, Any] | None] = ContextVar("added", default=None)

# Inches of one character at 7 points, as far as a margin has to know.
LETTER_WIDTH = 0.062

# Classes that get a name of their own in the legend; more become one cloud.
N_NAMED = 20
# Of N_CLEAR curves each can be followed at full width; more are drawn thinner.
N_CLEAR = 8

# Six colours of Okabe and Ito's set for the colour-blind, and a dark red and a dark
# blue that stay apart from them under simulated protanopia, deuteranopia, tritanopia.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F2A1D",
    "#1B2A6B",
)
# Twelve more for up to twenty curves, apart from these and from each other in lightness
# or hue; so many cannot all stay apart for the colour-blind, so the dash tells too.
_MANY_COLOURS = (
    *COLOURS,
    "#8F8F00",
    "#7E57C2",
    "#00A0A8",
    "#B0006E",
    "#FF8A80",
    "#4D4D4D",
    "#6BBF2A",
    "#A0522D",
    "#9FA8DA",
    "#C9A227",
    "#00512E",
    "#E040FB",
)
# On and off lengths in line widths; each tells the class without its colour.
DASHES = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.4, 1.2, 1.4)),
    (0, (2.6, 1.2)),
    (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4)),
    (0, (10, 2)),
    (0, (6, 1.2, 2.6, 1.2)),
)
REFERENCE: dict[str, Any] = {"color": "0.62", "linewidth": 2.4, "zorder": 1.5}
# On top of a cloud the grey curve would hide it, and below it would drown.
REFERENCE_ON_CLOUD: dict[str, Any] = {"color": "0.35", "linewidth": 1.2, "zorder": 3}
CLOUD: dict[str, Any] = {"colors": COLOURS[0], "linewidths": 0.5}


def cloud_alpha(n_curves: int) -> float:
    """Opacity of each of many curves: the more there are, the fainter each."""
    return max(0.03, min(1.0, N_CLEAR / n_curves))


def house_style() -> AbstractContextManager[None]:
    """Context in which matplotlib draws as `se_probe.mplstyle` says.

    The reader's own fonts and font sizes (`font.family`, `font.size`, ... where they
    are not matplotlib's defaults) are kept, and what :func:`use_style` adds goes over
    all. Nothing is set outside the context: the look of other figures is the caller's.

    Returns
    -------
    context manager
    """
    added = dict(_added.get() or {})
    return matplotlib.style.context([_HOUSE, _readers_fonts(), added])


@contextmanager
def use_style(style: str | Path | Mapping[str, Any]) -> Iterator[None]:
    """Context in which figures follow another style sheet too.

    Parameters
    ----------
    style : str, path or mapping
        Name or file of a style of matplotlib, such as "thesis.mplstyle", or settings.

    Raises
    ------
    UsageError
        If there is no such style, or it cannot be read.

    Examples
    --------
    >>> with use_style({"font.family": "serif"}), house_style():
    ...     matplotlib.rcParams["font.family"]
    ['serif']
    """
    token = _added.set({**(_added.get() or {}), **_settings(style)})
    try:
        yield
    finally:
        _added.reset(token)


def plain_numbers(form: str = "g") -> FuncFormatter:
    """Numbers at the ticks of a logarithmic axis, written out.

    The style shows "$" as it is, and so matplotlib's powers of ten.

    Parameters
    ----------
    form : str, default "g"
        As :func:`format` takes it.

    Returns
    -------
    FuncFormatter
    """
    return FuncFormatter(lambda value, _: format(value, form))


def text_scale() -> float:
    """How much larger letters are than the style's own; to be asked in the style."""
    return float(matplotlib.rcParams["font.size"]) / _SIZE


def _readers_fonts() -> dict[str, Any]:
    """The reader's settings about fonts, and the sizes that follow `font.size`."""
    now: dict[Any, Any] = dict(matplotlib.rcParams.items())
    usual: dict[Any, Any] = dict(matplotlib.rcParamsDefault.items())
    own = {key: now[key] for key in _FONT_KEYS if now[key] != usual[key]}
    return _following(own.get("font.size")) | own


def _settings(style: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(style, Mapping):
        given: dict[str, Any] = dict(style)
    else:
        with matplotlib.rc_context(), matplotlib.style.context(_HOUSE):
            before = dict(matplotlib.rcParams)
            try:
                matplotlib.style.use(style)
            except OSError as error:
                raise UsageError(
                    f"there is no style {str(style)!r}: expected a .mplstyle file, or "
                    "a style of matplotlib such as 'ggplot'"
                ) from error
            given = {k: v for k, v in matplotlib.rcParams.items() if v != before[k]}
    return _following(given.get("font.size")) | given


def _following(size: float | None) -> dict[str, Any]:
    """Sizes of letters that follow `font.size`, where it is given."""
    if not size:
        return {}
    return dict.fromkeys(_LARGE, size) | dict.fromkeys(_SMALL, 0.875 * size)


def class_styles(class_names: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Line properties for each class, told apart by colour and by dash.

    Parameters
    ----------
    class_names : sequence of str
        The first twenty differ in colour, and in the pair of colour and dash all do up
        to 160. More than eight are drawn thinner.

    Returns
    -------
    mapping of str to dict
        Keyword arguments of `Axes.plot`.

    Examples
    --------
    >>> class_styles(["goldfish", "pug"])["pug"]["color"]
    '#D55E00'
    """
    width = 1.2 if len(class_names) <= N_CLEAR else 0.9
    styles = {}
    for i, name in enumerate(class_names):
        turn, colour = divmod(i, len(_MANY_COLOURS))
        styles[name] = {
            "color": _MANY_COLOURS[colour],
            "linestyle": DASHES[(colour + turn) % len(DASHES)],
            "linewidth": width,
        }
    return styles


def styles_of(view: xr.Dataset, styles: Styles | None) -> Styles:
    """Line properties of each class of a view: those given, over the usual ones.

    Parameters
    ----------
    view : xr.Dataset
        With the coordinate `class_name`.
    styles : mapping of str to mapping, optional
        By any name that means a class of the view.

    Returns
    -------
    mapping of str to mapping

    Raises
    ------
    ClassNameError
        If a name means no class of the view, or several.
    """
    usual = class_styles(view["class_name"].values.tolist())
    given = {
        find_classes(view, [name])[0]: normalize_kwargs(dict(own), Line2D)
        for name, own in (styles or {}).items()
    }
    return {name: {**style, **given.get(name, {})} for name, style in usual.items()}
