"""The reference of the commands says what the commands say of themselves."""

from pathlib import Path

from commands_page import commands_page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_what_the_commands_say_today():
    page = commands_page()

    assert page == (DOCS / "commands.md").read_text(encoding="utf-8"), (
        "run `python docs/commands_page.py`"
    )
