"""The documentation as a site: `make docs`."""

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

import se_probe

_DOCS = Path(__file__).parent
# Sphinx reads what lies below docs/, and the notebooks do not.
_NOTEBOOKS = _DOCS / "tutorial"
_NOTEBOOKS.mkdir(exist_ok=True)
for _notebook in sorted((_DOCS.parent / "notebooks").glob("*.ipynb")):
    shutil.copy2(_notebook, _NOTEBOOKS / _notebook.name)

project = "se_probe"
author = "se_probe developers"
copyright = author
version = release = se_probe.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"se_probe {release}"
html_copy_source = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
# Notebooks are run by the tests, and shown here as they are committed.
nb_execution_mode = "off"
# What the outputs hold can be read without scripts from elsewhere.
nb_ipywidgets_js: dict[str, Any] = {}

autodoc_typehints = "none"  # numpydoc's sections say the types
autodoc_member_order = "alphabetical"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def _follow_copies(_app: Any, _name: str, source: list[str]) -> None:
    """Lead links to the notebooks, and theirs to the pages, to where they lie here."""
    text = source[0].replace("](../notebooks/", "](tutorial/")
    source[0] = text.replace("](../docs/", "](../")


def _inline(translator: Any, node: nodes.math) -> None:
    _write_mathml(translator, node, "inline")


def _block(translator: Any, node: nodes.math_block) -> None:
    _write_mathml(translator, node, "block")


def _write_mathml(translator: Any, node: nodes.Element, display: str) -> None:
    """Put a formula on the page in the language of browsers, without a script."""
    translator.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Follow the notebooks to where they were copied; draw formulas without network."""
    app.connect("source-read", _follow_copies)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
