"""Write docs/commands.md, the help of every command: `python docs/commands_page.py`."""

import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

from se_probe.cli import COMMANDS, documented_app

__all__ = ["commands_page"]

_HEAD = """# Commands

Written by `python docs/commands_page.py` from the commands themselves.
`se-probe --install-completion` installs shell completion.
"""


def commands_page() -> str:
    """Help of every command as one page of markdown."""
    parts = [f"## {name}\n\n```text\n{_help(name)}\n```\n" for name in COMMANDS]
    return "\n".join([_HEAD, *parts])


def _help(name: str) -> str:
    shown = io.StringIO()
    with patch.dict(os.environ, {"COLUMNS": "88"}), redirect_stdout(shown):
        documented_app()([name, "--help"])
    return shown.getvalue().strip()


if __name__ == "__main__":
    Path(__file__).with_name("commands.md").write_text(
        commands_page(), encoding="utf-8"
    )
