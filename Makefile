# make demo   train a small SE-ResNet-50 and see what its gates do
# make test   linters, types, layers, tests, documentation
# make docs   the documentation as a site, in docs/_build/html
# make lab    JupyterLab on the notebooks
#
# Each sets up .venv first; the second call skips that.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test docs lab lint clean

demo: $(READY)
	@$(BIN)/se-probe demo

test: lint
	@$(BIN)/pytest --mpl --cov -n 2 --dist worksteal
	@$(BIN)/pytest --nbmake notebooks
	@$(MAKE) --no-print-directory docs

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(READY)
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

lab: $(READY)
	@$(BIN)/jupyter lab notebooks

clean:
	rm -rf $(VENV) build *.egg-info

$(READY): setup.cfg pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is not installed; se_probe needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "se_probe needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	    "name another one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module; install it (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing se_probe and what it needs into $(VENV) (once; a few minutes) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 2 \
	    --progress-bar on --constraint constraints.txt --editable ".[dev]" \
	    2>$(VENV)/install.log || { \
	  echo "The packages could not be installed: is there a network?" \
	    "All that was said is in $(VENV)/install.log." >&2; exit 1; }
	@touch $@
