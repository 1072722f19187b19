"""The commands and the code that the pages of the project show."""

import re
import shlex
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts),
        ROOT / "figures" / "README.md",
        ROOT / "checkpoints" / "README.md",
    }
    - {ROOT / "CHANGELOG.md", ROOT / "docs" / "commands.md"}
)


class Block(NamedTuple):
    """A fenced block of a page: the language after the fence, and the text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, from the top."""
    fenced = r"^( *)```\{?([\w-]*)[^\n]*\n(.*?)^\1```"
    text = page.read_text(encoding="utf-8")
    found = re.findall(fenced, text, flags=re.MULTILINE | re.DOTALL)
    return [Block(language, dedent(body)) for _, language, body in found]


def typed(page: Path) -> list[list[str]]:
    """Words of every `se-probe ...` line in the fenced blocks of a page."""
    lines = "\n".join(text for _, text in blocks(page)).replace("\\\n", " ")
    return [
        shlex.split(line.strip().removeprefix("$ "), comments=True)[1:]
        for line in lines.splitlines()
        if line.strip().removeprefix("$ ").startswith("se-probe ")
    ]


def python(page: Path) -> list[str]:
    """Python of a page, block by block."""
    return [text for language, text in blocks(page) if language == "python"]
