"""The tables of docs/models.md."""

import runpy
from pathlib import Path

import pytest
from paper_table import PAPER_ROWS, paper_cost

from se_probe.models import (
    list_architectures,
)

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
PROGRAM = DOCS.with_name("paper_table.py")


@pytest.mark.parametrize("row", PAPER_ROWS, ids=lambda row: f"{row.table} {row.name}")
def test_parameters_are_within_a_tenth_of_a_million_of_the_paper(row):
    assert paper_cost(row).paper_parameters / 1e6 == pytest.approx(
        row.parameters, abs=0.1
    )


def test_all_but_one_number_of_parameters_round_to_the_figure_of_the_paper():
    missed = {
        row.name
        for row in PAPER_ROWS
        if round(paper_cost(row).paper_parameters / 1e6, 1) != row.parameters
    }

    assert missed == {"r = 8"}


def test_multiply_adds_round_to_the_paper_once_squeeze_and_scale_are_counted():
    rows = [row for row in PAPER_ROWS if row.gmacs is not None]

    without = {r.name for r in rows if round(paper_cost(r).macs / 1e9, 2) != r.gmacs}
    missed = {
        r.name for r in rows if round(paper_cost(r).paper_macs / 1e9, 2) != r.gmacs
    }

    assert without == {"SE", "SE_All"}
    assert missed == set()


def test_no_squeeze_and_plain_network_cost_what_is_known_of_them():
    costs = {row.name: paper_cost(row) for row in PAPER_ROWS}

    assert costs["NoSqueeze"].macs == 3_857_973_248 + 411_041_792
    assert costs["ResNet-50"].macs == 3_857_973_248
    assert costs["ResNet-50"].parameters == 25_557_032
    assert costs["ResNet-50"].running_statistics == 53_120
    assert costs["SE_All"].parameters == 28_071_976
    assert costs["SE_All"].se_parameters == 2_514_944
    assert costs["SE_All"].squeeze_and_scale == 2 * 5_519_360
    assert costs["SE_3x3"].se_parameters == 157_184


def test_docs_hold_what_the_program_prints(capsys):
    runpy.run_path(str(PROGRAM), run_name="__main__")

    architectures, paper = capsys.readouterr().out.split("\n\n")
    text = DOCS.read_text(encoding="utf-8")

    assert architectures.strip() in text
    assert paper.strip() in text
    assert all(f"| `{name}` |" in architectures for name in list_architectures())
