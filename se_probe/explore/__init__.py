"""Linked views of a gate record: in a notebook, and as a page of this machine.

`explore` shows a record in JupyterLab, `serve_page` as a local page. What both show is
computed by :class:`Exploration`, which knows nothing of how it is drawn.
"""

from se_probe.explore.entry import explore, serve_page
from se_probe.explore.state import Exploration

__all__ = ["Exploration", "explore", "serve_page"]
