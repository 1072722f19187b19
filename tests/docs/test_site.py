"""The documentation as a site reads without a network."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = """# A page

The variance $\\sigma^2$, and

$$
g = \\frac{a}{b}
$$
"""


def test_formulas_are_drawn_without_scripts_from_elsewhere(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text(PAGE, encoding="utf-8")
    builder = [sys.executable, "-m", "sphinx", "-q", "-W", "-c", DOCS]

    subprocess.run([*builder, tmp_path / "pages", tmp_path / "site"], check=True)

    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert page.count("<math ") == 2
    assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css)', page)
