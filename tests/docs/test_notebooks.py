"""The notebooks as they are committed: with what they show, and nothing else."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LARGEST = 400_000  # bytes


def outputs(notebook):
    """Every output of the cells of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_figures_are_committed_and_small(notebook):
    figures = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]

    assert len(figures) >= 1
    assert notebook.stat().st_size < LARGEST


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_hold_no_warning_and_no_folder_of_a_machine(notebook):
    shown = outputs(notebook)
    pictures = {
        "image/png",
        "image/svg+xml",
        "application/vnd.jupyter.widget-view+json",
    }
    texts = [
        "".join(text)
        for output in shown
        for kind, text in {
            **output.get("data", {}),
            "text": output.get("text", ""),
        }.items()
        if kind not in pictures
    ]

    assert [o for o in shown if o.get("name") == "stderr"] == []
    assert [o for o in shown if o["output_type"] == "error"] == []
    assert [t for t in texts if re.search(r"Warning\b|/site-packages/|/home/", t)] == []
