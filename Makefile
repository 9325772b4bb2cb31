# `make demo` and `make test` work on a fresh machine with Python 3.11 to 3.13: they make their own
# virtual environment in .venv with python3 -m venv and pip (or uv, when it is there).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)
OUT    ?= build/demo-report
STRENGTH_OUT ?= build/demo-strength

ifeq ($(UV),)
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL   = $(BIN)/python -m pip install --quiet --disable-pip-version-check
else
MAKE_VENV = $(UV) venv --quiet --seed --python $(PYTHON) $(VENV)
INSTALL   = $(UV) pip install --quiet --python $(BIN)/python
endif

.PHONY: help setup demo demo-data test lint types contract check clean

help:            ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(VENV)/.spondyl  ## a virtual environment with spondyl in it

demo: setup demo-data  ## assess a real chest CT and say where the report lies
	$(BIN)/spondyl assess build/demo/cxr.nii.gz --vertebrae build/demo/mask.nii.gz --out $(OUT)
	$(BIN)/spondyl strength build/demo/cxr.nii.gz --vertebrae build/demo/mask.nii.gz --levels T12 \
		--load axial --load flexion --history scripts/demo_history.toml --out $(STRENGTH_OUT)

demo-data: $(VENV)/.spondyl  ## fetch the real scans for demo and tests (44 MB)
	@$(BIN)/python scripts/demo_data.py build

test: $(VENV)/.dev demo-data  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.dev  ## style
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## static types
	$(BIN)/mypy

contract: $(VENV)/.dev  ## who may import whom
	$(BIN)/lint-imports

check: test lint types contract  ## all of the gate

clean:           ## remove what make made
	rm -rf $(VENV) build

$(BIN)/python:
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Spondyl needs Python 3.11 to 3.13; name one with make PYTHON=python3.12")'
	@$(MAKE_VENV)

$(VENV)/.spondyl: pyproject.toml | $(BIN)/python
	@echo "installing spondyl into $(VENV)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.spondyl
	@echo "installing the tools for tests, lint and types"
	@$(INSTALL) -e '.[dev]'
	@touch $@
