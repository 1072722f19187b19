"""The table of timm's networks."""

import re

import pytest
import zoo

from documents import ROOT

TABLE = ROOT / "docs" / "zoo.csv"
PAGE = ROOT / "docs" / "zoo.md"
# With blocks of two classes, one whose weights are fresh zeros, and none.
SAMPLE = ["test_resnet", "lcnet_035", "mobilenetv3_small_050", "ese_vovnet19b_slim_dw"]


def test_page_is_what_the_table_says():
    rows = zoo.read(TABLE)

    assert PAGE.read_text(encoding="utf-8") == zoo.page(rows)
    assert len({row["name"] for row in rows}) == len(rows) > 300


def test_readme_says_how_many_were_found():
    found = [row for row in zoo.read(TABLE) if row["answer"] == "found"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    (n_networks,) = re.findall(r"found and proved on ([\d,]+)\s+networks", readme)

    assert int(n_networks.replace(",", "")) == len(found)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_network_gives_its_row_again(name):
    (row,) = [row for row in zoo.read(TABLE) if row["name"] == name]

    facts = zoo.examine(name)

    assert {
        key: str(facts.get(key, "")) for key in ("blocks", "classes", "answer")
    } == {key: row[key] for key in ("blocks", "classes", "answer")}
