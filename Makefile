# make book       faces, networks, notebooks, book: _build/html/index.html
# make pdf        the same, and all of it as one file: _build/html/book.pdf
# make test       every test; three small books are made: of rendered faces, ORL, emotions alone
# make reproduce  execute marked notebooks of a small book again; books of four other sets
# make lab        JupyterLab on the notebooks
# make lint       style, types, floors of the package, stripped notebooks
# make clean      remove what was generated, trained networks too; keep the environment
#
# Variables: PROFILE=smoke|default|paper  FACES=synthetic|orl|rafd:DIR|'folder:DIR?labels=...'|...
#            SEED=0  DEVICE=auto|cpu|cuda  UNSEEN=1 (people apart)  PYTHON=python3.12

PROFILE ?=
FACES ?= synthetic
SEED ?= 0
DEVICE ?= auto
UNSEEN ?=
PYTHON ?= python3

BIN := .venv/bin
ENVIRONMENT := .venv/.installed
SCRIPTS := node_modules/.package-lock.json
STRIP := $(BIN)/nbstripout --keep-id --extra-keys "metadata.language_info metadata.papermill metadata.widgets cell.metadata.papermill cell.metadata.execution"

# two OpenMP threads that spin on a busy machine cost more than they bring
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
# the kernel named python3 is this environment's, whatever the user has at home
export JUPYTER_PREFER_ENV_PATH := 1

.PHONY: help book pdf test reproduce lab lint clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# //p;/^$$/q' Makefile

book pdf: $(ENVIRONMENT) $(SCRIPTS)
	$(BIN)/python -m tinyvgg book $(if $(PROFILE),--profile $(PROFILE)) --faces "$(FACES)" --seed $(SEED) --device $(DEVICE) $(if $(UNSEEN),--unseen-subjects) $(if $(filter pdf,$@),--pdf)

test: $(ENVIRONMENT) $(SCRIPTS)
	TINYVGG_PROFILE=smoke $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests

reproduce: $(ENVIRONMENT) $(SCRIPTS)
	$(BIN)/python -m pytest -m twice tests/test_book.py tests/test_anyone.py tests/browser

lab: $(ENVIRONMENT)
	$(BIN)/jupyter lab --notebook-dir=notebooks

lint: $(ENVIRONMENT)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy tinyvgg
	$(BIN)/lint-imports --no-cache --no-logo
	$(STRIP) --verify $(wildcard notebooks/*.ipynb)

clean:
	rm -rf _build book/_static/vendor .pytest_cache .ruff_cache .mypy_cache

# torch first, by itself (see constraints.txt)
$(ENVIRONMENT): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11 to 3.13 is needed and $(PYTHON) is not: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) lacks venv or pip: install them (on Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(shell grep '^torch==' constraints.txt)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[book,orl,digits,opencv,dask,dev]'
	touch $@

# MathJax, which the book serves itself; node comes with the environment
$(SCRIPTS): package.json package-lock.json | $(ENVIRONMENT)
	$(BIN)/npm ci --ignore-scripts --no-audit --no-fund
	touch $@
