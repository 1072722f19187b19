"""Words and pictures on the page: names from data are text, never markup."""

from html import escape

import xarray as xr

from se_probe.explore.state import Exploration
from se_probe.views import ENDS, End

__all__ = ["extremes_html", "message_html", "selection_html", "status_html"]

_N_SELECTED = 12
_TITLES: dict[End, str] = {"most": "most open", "least": "least open"}


def message_html(sentence: str, *, is_error: bool = False) -> str:
    """One sentence for the reader."""
    kind = "se-error" if is_error else "se-note"
    role = "alert" if is_error else "status"
    return f'<p class="{kind}" role="{role}">{escape(sentence)}</p>' if sentence else ""


def status_html(look: Exploration, name: str) -> str:
    """What is explored, and what is missing of it."""
    attrs = look.record.attrs
    network = attrs.get("architecture") or ""
    about = ", ".join(filter(None, [str(network), look.progress]))
    problem = look.thumbnails.problem
    note = f" No pictures: {problem}. Ids are shown." if problem else ""
    return f"<h1>{escape(name)}</h1><p>{escape(about + '.' + note)}</p>"


def extremes_html(look: Exploration) -> str:
    """The pictures that open a channel most and least, or their ids in words."""
    view = look.extremes()
    title = f"channel {look.channel} of {look.block}"
    groups = [_gallery(look, view, end, title) for end in ENDS]
    return f'<div class="se-galleries">{"".join(groups)}</div>'


def selection_html(look: Exploration) -> str:
    """The first of the selected images, and how many there are."""
    rows = look.selected
    if not len(rows):
        return (
            "<h2>Selected images</h2><p>none: draw around points of the map, or choose "
            "below it</p>"
        )
    names = look.record["class_name"].values[rows].tolist()
    n_classes = len(set(names))
    of = f"{n_classes:,} class{'es' * (n_classes > 1)}"
    more = f", the first {_N_SELECTED}" if len(rows) > _N_SELECTED else ""
    cards = [_card(look, int(row), _said(look, int(row))) for row in rows[:_N_SELECTED]]
    title = f"Selected: {len(rows):,} image{'s' * (len(rows) > 1)} of {of}{more}"
    return f'<h2>{escape(title)}</h2><ul class="se-cards">{"".join(cards)}</ul>'


def _gallery(look: Exploration, view: xr.Dataset, end: End, title: str) -> str:
    own = view.sel(end=end).squeeze("channel")
    pairs = zip(own["image"].values.tolist(), own["gate"].values.tolist(), strict=True)
    cards = [_card(look, row, f"gate {gate:.3f}") for row, gate in pairs]
    heading = f"Images for which {title} is {_TITLES[end]}"
    return f'<h2>{escape(heading)}</h2><ul class="se-cards">{"".join(cards)}</ul>'


def _said(look: Exploration, row: int) -> str:
    name = look.predicted_name(row)
    return f"predicted {name}" if name else ""


def _card(look: Exploration, row: int, words: str) -> str:
    image_id = str(look.record["image_id"].values[row])
    class_name = str(look.record["class_name"].values[row])
    uri = look.thumbnails.data_uri(image_id)
    about = escape(f"{class_name}: {image_id}", quote=True)
    picture = (
        f'<img src="{uri}" alt="{about}" title="{about}">'
        if uri
        else f'<span class="se-id">{escape(image_id)}</span>'
    )
    lines = "".join(f"<span>{escape(line)}</span>" for line in (class_name, words))
    return f"<li>{picture}{lines}</li>"
