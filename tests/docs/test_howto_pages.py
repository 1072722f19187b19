"""The code of the how-to pages runs."""

import pytest

from documents import ROOT, python


@pytest.mark.parametrize("name", ["own_network", "compare_and_report"])
def test_code_of_the_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = python(ROOT / "docs" / "howto" / f"{name}.md")

    for text in texts:
        exec(compile(text, name, "exec"), {})

    assert texts
