"""The linked views on one board: what is chosen in one shows in all."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import xarray as xr
from bokeh.events import Tap
from bokeh.models import Column, ColumnDataSource, CustomJS, Div, InlineStyleSheet

from se_probe.errors import SEProbeError
from se_probe.explore.channel_panel import ChannelPanel
from se_probe.explore.controls import EVERYBODY, NOBODY, WRONG, Controls, flowing
from se_probe.explore.depth import depth_by_block
from se_probe.explore.depth_panel import DepthPanel
from se_probe.explore.heatmap_panel import HeatmapPanel
from se_probe.explore.look import DARK, LIGHT, SHEET, variables
from se_probe.explore.map_panel import MapPanel
from se_probe.explore.paper import save_views
from se_probe.explore.profile_panel import ProfilePanel
from se_probe.explore.state import Exploration
from se_probe.explore.words import (
    extremes_html,
    message_html,
    selection_html,
    status_html,
)

__all__ = ["Board", "error_message"]

_SMALL = 64 * 2**20  # bytes of gates: depth takes less than a second or so
_HOVERED = """
const found = cb_data.index.indices
if (found.length > 0 && hovered.data.point[0] !== found[0]) {
  hovered.data = {point: [found[0]]}
}
"""
_THEME = """
const lab = document.body.dataset.jpThemeLight
const is_dark = lab != null
  ? lab === "false"
  : window.matchMedia("(prefers-color-scheme: dark)").matches
if (is_dark) { theme.value = "dark" }
"""


def error_message(sentence: str) -> Div:
    """What stands in the place of a board that cannot be shown.

    Parameters
    ----------
    sentence : str

    Returns
    -------
    Div
    """
    div = _text()
    div.update(text=message_html(sentence, is_error=True), styles=variables(LIGHT))
    return div


def _text() -> Div:
    return Div(
        sizing_mode="stretch_width",
        disable_math=True,
        stylesheets=[InlineStyleSheet(css=SHEET)],
        min_width=320,
    )


class Board:
    """Five linked views, their controls, and what a choice changes.

    Parameters
    ----------
    look : Exploration
    name : str
        Over all views.
    folder : str
        Where figures are saved, unless the reader says otherwise.

    Attributes
    ----------
    layout : Column
        To be put on a page.
    """

    def __init__(self, look: Exploration, name: str, folder: str) -> None:
        self.look = look
        self.colours = LIGHT
        self.controls = Controls(look, folder)
        self.map, self.profiles = MapPanel(), ProfilePanel()
        self.heatmap, self.channel = HeatmapPanel(), ChannelPanel()
        self.depth = DepthPanel(look.blocks)
        self.depth_view: xr.Dataset | None = None
        self.hovered = ColumnDataSource({"point": [-1]}, name="hovered")
        texts = [_text() for _ in range(4)]
        self.status, self.message, self.selected, self.galleries = texts
        self.status.text = status_html(look, name)
        self._is_painting = False
        self._link()
        self.layout = self._layout()
        self._paint_all()
        if look.record.nbytes <= _SMALL:
            self._show_depth(depth_by_block(look.store, look.path))

    def fill_depth(self, later: Callable[[Callable[[], None]], None]) -> None:
        """Compute the numbers along the network in a thread, where they take long.

        Parameters
        ----------
        later : callable
            Runs a function where models of the page may be changed.
        """

        def tell(view: xr.Dataset) -> None:
            later(lambda: self._show_depth(view))

        def fill() -> None:
            try:
                depth_by_block(self.look.store, self.look.path, tell)
            except SEProbeError as error:
                sentence = str(error)
                later(lambda: self._say(sentence, is_error=True))

        if self.depth_view is None:
            Thread(target=fill, daemon=True).start()

    def _layout(self) -> Column:
        figures = [
            self.map.figure,
            self.profiles.figure,
            self.heatmap.figure,
            self.channel.figure,
        ]
        for figure in figures:
            figure.styles = {"flex": "1 1 420px"}
        return Column(
            self.status,
            self.controls.layout(),
            self.message,
            flowing(figures[:2]),
            self.selected,
            flowing(figures[2:]),
            self.galleries,
            self.depth.figure,
            sizing_mode="stretch_width",
            styles=variables(self.colours),
            name="explorer",
        )

    def _link(self) -> None:
        widgets = self.controls
        widgets.block.on_change("value", self._act(self._choose_block))
        widgets.channel.on_change("value", self._act(self._choose_channel))
        widgets.find.on_change("value", self._act(self._find_classes))
        widgets.classes.on_change("value", self._act(self._choose_classes))
        widgets.order.on_change("value", self._act(self._choose_order))
        widgets.images.on_change("value", self._act(self._choose_images))
        widgets.theme.on_change("value", self._act(self._choose_theme))
        widgets.save.on_click(lambda: self._try(self._save))
        self.map.source.selected.on_change("indices", self._act(self._lasso))
        self.hovered.on_change("data", self._act(self._hover))
        self.map.hover.callback = CustomJS(
            args={"hovered": self.hovered}, code=_HOVERED
        )
        self.heatmap.figure.on_event(Tap, self._tap_heatmap)
        self.depth.figure.on_event(Tap, self._tap_depth)

    def follow_page(self) -> CustomJS:
        """What makes the board dark where the page around it is.

        Returns
        -------
        CustomJS
        """
        return CustomJS(args={"theme": self.controls.theme}, code=_THEME)

    # --- what a choice does ----------------------------------------------------------

    def _choose_block(self, name: str) -> None:
        self.look.choose_block(name)
        self._paint_all()

    def _choose_channel(self, channel: int | None) -> None:
        if channel is None:
            return
        self.look.choose_channel(int(channel))
        self._paint_channel()

    def _find_classes(self, text: str) -> None:
        queries = [part.strip() for part in text.split(",") if part.strip()]
        if not queries:
            return
        taken_for = self.look.choose_classes(queries)
        self._paint_classes()
        self._say("; ".join(taken_for))

    def _choose_classes(self, names: list[str]) -> None:
        if names:
            self.look.choose_classes(names)
            self._paint_classes()

    def _choose_order(self, order: Any) -> None:
        self.look.channel_order = order
        self.heatmap.paint(self.look, self.colours)

    def _choose_images(self, what: str) -> None:
        if not what:
            return
        self.look.select(self._rows_of(what))
        self.map.show_selection(self.look)
        self._paint_selection()

    def _choose_theme(self, name: str) -> None:
        self.colours = DARK if name == "dark" else LIGHT
        self.layout.styles = variables(self.colours)
        self._paint_all()

    def _lasso(self, points: list[int]) -> None:
        self.look.select(self.map.rows(points))
        self.controls.images.value = "" if points else NOBODY
        self._paint_selection()

    def _hover(self, data: dict[str, list[int]]) -> None:
        self.map.show_picture(self.look, int(data["point"][0]))

    def _tap_heatmap(self, event: Tap) -> None:
        channel = None if event.x is None else self.heatmap.channel_at(event.x)
        if channel is not None:
            self._try(lambda: self._choose_channel(channel))

    def _tap_depth(self, event: Tap) -> None:
        block = None if event.x is None else self.depth.block_at(event.x)
        if block is not None and block != self.look.block:
            self._try(lambda: self._choose_block(block))

    def _save(self) -> None:
        folder = self.controls.folder.value
        paths = save_views(self.look, folder, self.depth_view)
        self._say(f"{len(paths)} files written to {folder}")

    # --- what then has to be drawn ---------------------------------------------------

    def _paint_all(self) -> None:
        for panel in (self.map, self.heatmap, self.depth):
            panel.paint(self.look, self.colours)
        self._paint_channel()
        self._paint_selection()

    def _paint_classes(self) -> None:
        self.map.paint(self.look, self.colours)
        self.heatmap.paint(self.look, self.colours)
        self.profiles.paint(self.look, self.colours)
        self._paint_channel()

    def _paint_channel(self) -> None:
        self.controls.show(self.look)
        self.channel.paint(self.look, self.colours)
        self.heatmap.show_channel(self.look, self.colours)
        self.profiles.show_channel(self.look, self.colours)
        self.galleries.text = extremes_html(self.look)

    def _paint_selection(self) -> None:
        self.profiles.paint(self.look, self.colours)
        self.selected.text = selection_html(self.look)

    def _show_depth(self, view: xr.Dataset) -> None:
        self.depth.fill(view)
        if view.sizes["block"] == len(self.look.blocks):
            self.depth_view = view

    def _rows_of(self, what: str) -> Any:
        drawn, record = self.map.source.data["row"], self.look.record
        if what in {NOBODY, EVERYBODY}:
            return drawn if what == EVERYBODY else []
        if what == WRONG:
            predicted, index = record["predicted"].values, record["class_index"].values
            return ((predicted != index) & (predicted >= 0) & (index >= 0)).nonzero()[0]
        name = what.removeprefix("class:")
        return (record["class_name"].values == name).nonzero()[0]

    def _say(self, sentence: str, *, is_error: bool = False) -> None:
        self.message.text = message_html(sentence, is_error=is_error)

    def _act(self, choose: Callable[[Any], None]) -> Callable[[str, Any, Any], None]:
        def changed(attr: str, old: Any, new: Any) -> None:
            if not self._is_painting:
                self._try(lambda: choose(new))

        return changed

    def _try(self, choose: Callable[[], None]) -> None:
        """Do what was chosen, as one message to the page; say what could not be."""
        document = self.layout.document
        self._is_painting = True
        if document is not None:
            document.hold("combine")
        try:
            self._say("")
            choose()
        except (SEProbeError, OSError) as error:
            self._say(_sentence(error), is_error=True)
            self.controls.show(self.look)
        finally:
            if document is not None:
                document.unhold()
            self._is_painting = False


def _sentence(error: Exception) -> str:
    """What an error says; of a full disk or a forbidden folder, which file it was."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    return str(error)
