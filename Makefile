# SPDX-License-Identifier: Apache-2.0
# Every verb sets up what it needs in .venv; nothing outside the checkout is touched.

PYTHON ?= python3
FUZZ_SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin
# The floor of what can install dependency groups (PEP 735).
PIP := pip>=25.1

.PHONY: help setup demo test lint fmt type check bench stress fuzz mutants dist clean
.DEFAULT_GOAL := help

help:  ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

$(VENV)/.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(PIP)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

setup: $(VENV)/.stamp  ## create .venv with tdxctl and its tools

demo: setup  ## initialise one shipped platform, and see another fail
	$(BIN)/tdxctl init --once --platform spr-2s-512g
	@echo
	$(BIN)/tdxctl init --once --platform emr-2s-256g-fragmented || test $$? -eq 1

test: setup  ## the tests
	$(BIN)/python -m pytest -n 2 --quiet

lint: setup  ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: setup  ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

type: setup  ## mypy, strict
	$(BIN)/mypy

check: test lint type  ## every gate, as CI runs them

bench: setup  ## start-up and scaling, as ratios, from an installed wheel
	$(BIN)/python -m tests.bench

stress: setup  ## many processes and killed ones on stored machines, for some minutes
	$(BIN)/python -m tests.stress

fuzz: setup  ## readers of files fed with damaged input; FUZZ_SECONDS each, atheris where it is
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --group fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

mutants: setup  ## which small changes to the module's checks and the layout no test notices
	$(BIN)/python -m tests.mutants

dist: setup  ## a wheel in dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

clean:  ## remove .venv and what the tools leave behind
	rm -rf $(VENV) .bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
