"""Contact sheet: the images that open a channel most, and least."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from se_probe.errors import UsageError
from se_probe.plots.labels import short_name
from se_probe.plots.layout import Width, add_title, finish, inches, set_margins
from se_probe.plots.style import house_style, text_scale

__all__ = ["MAX_CHANNELS", "Pictures", "check_n_channels", "figure_extremes"]

# Small picture of an image, by its id; None where there is none.
Pictures = Callable[[str], Image.Image | None]

MAX_CHANNELS = 24
_TEXT, _HEAD = 0.27, 0.3  # inches: two lines below a picture, and above a channel
_GAP, _LEFT = 0.06, 0.34
_LETTERS_PER_INCH = 15  # at 7 points
_TITLES = {"most": "most\nopen", "least": "least\nopen"}


def figure_extremes(
    view: xr.Dataset,
    pictures: Pictures | None = None,
    *,
    width: Width = "page",
    title: str = "",
) -> Figure:
    """Draw the most and the least open images of each channel, with their gates.

    Parameters
    ----------
    view : xr.Dataset, dims (end, rank, channel)
        From :func:`~se_probe.views.extremes`, of at most 24 channels.
    pictures : callable, optional
        Such as :meth:`~se_probe.thumbnails.Thumbnails.picture`. Ids are written where
        there is no picture.
    width : "page", "column" or float, default "page"
        7 inches, 3.5 inches, or as many as are said.
    title : str
        Over all channels.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If there are more channels than can be looked at.
    """
    n_images, n_channels = view.sizes["rank"], view.sizes["channel"]
    check_n_channels(n_channels)
    with house_style():
        scale = text_scale()
        side = (inches(width) - scale * _LEFT) / n_images - _GAP
        row, head = side + scale * _TEXT, scale * _HEAD
        fig = Figure((inches(width), n_channels * (2 * row + head)))
        set_margins(fig, left=0, right=0, top=0, bottom=0)
        height = fig.get_figheight()
        for k in range(n_channels):
            top = height - k * (2 * row + head) - head
            _name_channel(fig, view.isel(channel=k), top / height)
            for end in view["end"].values:
                top -= row
                place = (scale * _LEFT, top + scale * _TEXT, side)
                _draw_row(fig, view.isel(channel=k).sel(end=end), place, pictures)
        add_title(fig, title)
        finish(fig)
    return fig


def check_n_channels(n_channels: int) -> None:
    """Refuse a contact sheet that nobody could look through.

    Raises
    ------
    UsageError
    """
    if n_channels > MAX_CHANNELS:
        raise UsageError(
            f"a contact sheet shows up to {MAX_CHANNELS} channels, got {n_channels:,}: "
            "name some by their numbers (--channels 3,17), or fewer blocks"
        )


def _name_channel(fig: Figure, one: xr.Dataset, y: float) -> None:
    name = f"{one['block'].item()}, channel {one['channel_in_block'].item()}"
    fig.text(0.06 / fig.get_figwidth(), y, name, va="bottom", fontweight="bold")


def _draw_row(
    fig: Figure,
    row: xr.Dataset,
    place: tuple[float, float, float],
    pictures: Pictures | None,
) -> None:
    """Pictures side by side; `place` is left, bottom and side, in inches."""
    left, bottom, side = place
    width, height = fig.get_size_inches()
    label = _TITLES[str(row["end"].item())]
    middle = (bottom + side / 2) / height
    fig.text(0.06 / width, middle, label, va="center", fontsize="small")
    for k in range(row.sizes["rank"]):
        x = left + k * (side + _GAP)
        box = (x / width, bottom / height, side / width, side / height)
        _draw_image(fig.add_axes(box), row.isel(rank=k), pictures, side)


def _draw_image(
    ax: Axes, one: xr.Dataset, pictures: Pictures | None, side: float
) -> None:
    image_id = str(one["image_id"].item())
    picture = None if pictures is None else pictures(image_id)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    n_letters = int(side * _LETTERS_PER_INCH / text_scale())
    if picture is None:
        lines = [
            image_id[i : i + n_letters] for i in range(0, len(image_id), n_letters)
        ]
        text = "\n".join(lines[-4:])
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize="small")
    else:
        ax.imshow(np.asarray(picture))
        ax.spines[:].set_visible(False)
    name = short_name(str(one["class_name"].item()), max(6, int(1.2 * n_letters)))
    words = f"{name}\n{one['gate'].item():.3f}"
    ax.text(
        0.5, -0.04, words, transform=ax.transAxes, ha="center", va="top", fontsize=6.5
    )
