"""The explorer in a notebook."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from se_probe.explore.board import Board
from se_probe.explore.paper import save_views
from se_probe.explore.state import Exploration
from se_probe.thumbnails import Thumbnails

__all__ = ["Explorer"]


class Explorer:
    """Linked views of a record, shown where this is the last line of a cell.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record.
    thumbnails : Thumbnails
    path : path, optional
        Where the record lies.
    """

    def __init__(
        self, record: xr.DataArray, thumbnails: Thumbnails, path: Path | None = None
    ) -> None:
        self.look = Exploration(record, thumbnails, path=path)
        name = path.name if path else "Gate record"
        folder = str(Path("figures") / (path.stem if path else "explore"))
        self._board = Board(self.look, name, folder)
        self._widget: Any = None

    @property
    def selection(self) -> xr.DataArray:
        """The chosen images, as rows of the record; dims (image, channel)."""
        return self.look.selection

    def save(self, out: str | Path) -> list[Path]:
        """Write the present views as figures, each with its numbers.

        Parameters
        ----------
        out : path
            Folder; files of the same names are written over.

        Returns
        -------
        list of Path
        """
        return save_views(self.look, out, self._board.depth_view)

    def _ipython_display_(self) -> None:
        from bokeh.document import Document
        from bokeh.events import DocumentReady
        from bokeh.io import output_notebook
        from bokeh.resources import INLINE
        from IPython.display import display

        if self._widget is None:
            from jupyter_bokeh import BokehModel

            # The page needs Bokeh's own code before the widget: JupyterLab otherwise
            # says that it could not create a view.
            output_notebook(resources=INLINE, hide_banner=True)
            Document().add_root(self._board.layout)
            follow = self._board.follow_page()
            self._board.layout.document.js_on_event(DocumentReady, follow)
            self._widget = BokehModel(self._board.layout)
        display(self._widget)  # type: ignore[no-untyped-call]
        self._board.fill_depth(_at_once)


def _at_once(change: Callable[[], None]) -> None:
    change()
