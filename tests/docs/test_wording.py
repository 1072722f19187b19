"""Phrases that a reader would stumble over are in no page, message or docstring."""

import re

import pytest

from documents import PAGES, ROOT

# What was written once, and what the field says.
UNUSUAL = {
    r"\banew\b": "again, start over",
    r"\bgo(es|ing)? on with\b": "resume",
    r"blocks to spare|\bcan be spared\b|\bspared first\b": "to remove, dispensable",
    r"cannot be meant": "is invalid",
    r"understood but (failed|could not)": "runtime error",
    r"\bthe whole way\b": "end-to-end example",
    r"\bto the (last )?bit\b|\blast bits\b": "bit-for-bit reproducible, by rounding",
    r"to the right of the record": "the modules by name",
    r"needs more trust": "pickled files",
    r"\bliterally\b": "whose name is exactly",
    r"upper end of (its|the) (95 % )?(\S+ )?interval": "upper confidence bound",
    r"\bparted\b": "split",
    r"\bto judge\b|\bjudges?\b|\bjudged on\b": "evaluate",
    r"\brightly\b": "correctly",
    r"asked class": "requested class",
    r"\bby turns\b": "alternately",
    r"mirror images": "horizontal flip",
    r"seed of all that": "random seed",
    r"\bnearest is\b": "highest is",
    r"what is usual": "the default",
    r"\bdear ones\b|\bis loud\b|\bown habit\b": "the usual word",
    r"thousand millions": "billions",
    r"\bdo(es|ing)? without (them|it|SE|more|1|the network)\b": "remove",
    r"(?<!percentage)\spoints of accuracy\b": "percentage points",
    r"accuracy of the nearest class mean": "nearest-class-mean accuracy",
    r"\bfor want of\b": "because ... is missing",
    r"\bgo along with\b": "correlate with",
}
READ = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "docs" / "commands.md",
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "se_probe").rglob("*.py")),
]


@pytest.mark.parametrize("phrase", UNUSUAL)
def test_plain_words_are_used(phrase):
    wanted = re.compile(phrase.replace(" ", r"\s+"), flags=re.IGNORECASE)

    found = [
        f"{path.relative_to(ROOT)}: {hit[0]!r}; write: {UNUSUAL[phrase]}"
        for path in READ
        for hit in wanted.finditer(words(path))
    ]

    assert "\n".join(found) == ""


def words(path):
    """Text of a file; of a notebook without its pictures."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return re.sub(r'"image/png": "[^"]*"', "", text)
    return text
