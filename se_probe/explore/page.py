"""The explorer as a local page: a server in this process, for this machine alone."""

import errno
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread

import xarray as xr
from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.server.server import Server

from se_probe.errors import SEProbeError, UsageError
from se_probe.explore.blocks import BlockStore
from se_probe.explore.board import Board, error_message
from se_probe.explore.state import Exploration
from se_probe.thumbnails import Thumbnails

__all__ = ["HOST", "PageServer"]

HOST = "127.0.0.1"
_USUAL_PORT = 5006
_STYLE = """
{% block postamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { margin: 0; }
  @media (prefers-color-scheme: dark) { body { background: #16191d; } }
</style>
{% endblock %}
"""


class PageServer:
    """Server of one record's page; each window that opens it has choices of its own.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    thumbnails : Thumbnails
    name : str
        What the page is called.
    path : path, optional
        Where the record lies.
    folder : str
        Where figures are saved.
    port : int, optional
        The usual one by default, or another where it is in use.

    Attributes
    ----------
    url : str

    Raises
    ------
    UsageError
        If `port` was given and is in use, or may not be used.
    """

    def __init__(
        self,
        record: xr.DataArray,
        thumbnails: Thumbnails,
        *,
        name: str,
        path: Path | None,
        folder: str,
        port: int | None = None,
    ) -> None:
        store = BlockStore(record)

        def new_look() -> Exploration:
            return Exploration(record, thumbnails, path=path, store=store)

        def prepare() -> None:
            with suppress(SEProbeError):  # the page says it
                new_look().prepare()

        def fill(document: Document) -> None:
            document.title = f"{name}: explore"
            document.template = _STYLE
            try:
                board = Board(new_look(), name, folder)
            except SEProbeError as error:  # a batch is damaged, or was removed
                document.add_root(error_message(str(error)))
                return
            document.add_root(board.layout)
            document.js_on_event(DocumentReady, board.follow_page())
            board.fill_depth(partial(_later, document))

        port = _free_port(port)
        origins = [f"{HOST}:{port}", f"localhost:{port}"]
        self._server = Server(
            Application(FunctionHandler(fill)),
            address=HOST,
            port=port,
            allow_websocket_origin=origins,
        )
        self._server.start()
        self.url = f"http://{HOST}:{port}/"
        # Gates are read while the browser starts.
        Thread(target=prepare, daemon=True).start()

    def run(self) -> None:
        """Answer until Ctrl-C, or the process is told to end."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self._server.io_loop.start()
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Answer no longer."""
        self._server.stop(wait=False)
        self._server.unlisten()

    def open_browser(self) -> bool:
        """Show the page in the reader's browser.

        Returns
        -------
        bool
            Whether there is one.
        """
        has_window = sys.platform != "linux" or any(
            os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        )
        return has_window and webbrowser.open(self.url)


def _later(document: Document, change: Callable[[], None]) -> None:
    """Change models from another thread, if somebody still looks at them."""
    if document.session_context is not None and not document.session_context.destroyed:
        document.add_next_tick_callback(change)


def _free_port(port: int | None) -> int:
    """The port that was asked for, or the usual one, or any."""
    if port is not None:
        return _bound(port)
    try:
        return _bound(_USUAL_PORT)
    except UsageError:
        return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            reasons = {
                errno.EADDRINUSE: "is in use",
                errno.EACCES: "may not be used by you",
            }
            why = reasons.get(error.errno or 0, f"cannot be used ({error.strerror})")
            raise UsageError(
                f"port {port} {why}; give another one with --port, or none for any "
                "that is free"
            ) from error
        except OverflowError as error:
            raise UsageError(f"ports are 0 to 65535, got {port}") from error
        return int(trial.getsockname()[1])
