# SPDX-License-Identifier: Apache-2.0
# Every verb sets up what it needs in the checkout; nothing outside it is touched.
# CONTRIBUTING.md says when to use which.

PYTHON ?= python3
VENV ?= .venv
FUZZ_SECONDS ?= 60
ROOM ?=
SAMPLE ?= 100
SEED ?= 0
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check
# A third process for two cores: some tests wait for a clock.
PYTEST := -m pytest -n 3 --quiet

.PHONY: help setup demo test lint fmt type check lock newest floor pythons bench stress damages equal \
	bombs hostile roots runs sweeps fuzz mutants docs man release-check visits dist clean
.DEFAULT_GOAL := help

help:  ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

# What is installed is what the lock names, pip and the build backend too, and nothing else.
$(VENV)/.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python $(PIP) --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.stamp  ## create .venv with tdxctl and its tools, at the versions of the lock

demo: setup  ## initialise one shipped platform, and see another fail
	$(BIN)/tdxctl init --once --platform spr-2s-512g
	@echo
	$(BIN)/tdxctl init --once --platform emr-2s-256g-fragmented || test $$? -eq 1

test: setup  ## the tests
	$(BIN)/python $(PYTEST)

lint: setup  ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: setup  ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

type: setup  ## mypy, strict
	$(BIN)/mypy

check: test lint type  ## every gate, as CI runs them

lock: setup  ## renew requirements.lock: the newest release of everything that pyproject allows
	$(BIN)/python -m tools.locked_requirements | $(BIN)/uv pip compile --quiet --universal \
		--upgrade --generate-hashes --group dev --custom-compile-command 'make lock' \
		--output-file requirements.lock pyproject.toml -
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --group docs \
		--custom-compile-command 'make lock' --output-file docs/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --group release \
		--custom-compile-command 'make lock' --output-file tools/release/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --group s3 \
		--custom-compile-command 'make lock' --output-file tools/s3/requirements.lock

newest: setup  ## the suite with the newest release of everything: what users will meet
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python $(PIP) --upgrade pip
	.venv-newest/bin/python $(PIP) --editable . --group test
	.venv-newest/bin/python $(PYTEST)

floor: setup  ## the suite with the lowest versions that pyproject allows
	$(PYTHON) -m venv --clear .venv-floor
	$(BIN)/uv pip install --quiet --python .venv-floor --resolution lowest-direct \
		--editable . --group test
	.venv-floor/bin/python $(PYTEST)

pythons: setup  ## the suite on every Python that is promised and found; mypy on the outermost
	$(BIN)/python -m tools.pythons

bench: setup  ## start-up and scaling, as ratios, from an installed wheel
	$(BIN)/python -m tools.bench

stress: setup  ## 1,000 processes at once and 1,000 killed ones on stored machines, for some minutes
	$(BIN)/python -m tools.stress

damages: setup  ## 5,000 damaged stores: the same answer or exit 5
	$(BIN)/python -m tools.damages

equal: setup  ## 20,000 random hosts and the golden platforms as a fleet, equal to their machines
	$(BIN)/python -m tools.equal

# Of fleets.
.PHONY: bench-fleet fleet-kills fleet-s3
bench-fleet: setup  ## what a host of a fleet costs, with C beside it; ten million hosts
	$(BIN)/python -m tools.bench_fleet

.venv-s3/.stamp: tools/s3/requirements.lock
	$(PYTHON) -m venv --clear .venv-s3
	.venv-s3/bin/python $(PIP) --no-deps --require-hashes --requirement tools/s3/requirements.lock
	@touch $@

fleet-s3: setup .venv-s3/.stamp  ## a fleet in an object store, from it to it, killed too: the same bytes
	$(BIN)/python -m tools.fleet_s3 .venv-s3/bin/moto_server

fleet-kills: setup  ## fleets whose runs and workers are killed: the same bytes; a Dask cluster, too
	$(BIN)/python -m tools.fleet_kills

bombs: setup  ## inputs that ask for much, read in time and memory that are linear in their size
	$(BIN)/python -m tools.bombs

sweeps: setup  ## every release against every other at every error path: the tables of docs/sweep.md
	$(BIN)/python -m tools.sweeps
runs: setup  ## kill -9 of tdxctl run and of its command 100 times: nothing is left
	$(BIN)/python -m tools.runs

roots: setup  ## every platform under every kernel as files of a host, captured and booted again
	$(BIN)/python -m tools.roots

hostile: setup  ## text that would be more than text, in every place where text can stand
	$(BIN)/python -m tools.hostile

fuzz: setup  ## readers of files fed with damaged input; FUZZ_SECONDS each, atheris where it is
	-$(BIN)/python $(PIP) --group fuzz
	$(BIN)/python -m tools.fuzz --seconds $(FUZZ_SECONDS)

mutants: setup  ## which small changes no test notices: a sample of each room, or ROOM=linux SAMPLE=20 SEED=1
	$(BIN)/python -m tools.mutants --sample $(SAMPLE) --seed $(SEED) $(ROOM)

.venv-docs/.stamp: docs/requirements.lock
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python $(PIP) --no-deps --require-hashes --requirement docs/requirements.lock
	@touch $@

docs: setup .venv-docs/.stamp  ## the pages as a site in build/site, with search, for no network
	$(BIN)/python -m tools.site
	PYTHONPATH=. .venv-docs/bin/python -m sphinx --quiet --fail-on-warning --keep-going \
		--builder html build/docs build/site
	@echo build/site/index.html

.venv-release/.stamp: tools/release/requirements.lock
	$(PYTHON) -m venv --clear .venv-release
	.venv-release/bin/python $(PIP) --no-deps --require-hashes \
		--requirement tools/release/requirements.lock
	@touch $@

release-check: setup docs .venv-release/.stamp  ## all of a release but the suite
	$(BIN)/python -m tools.release

man: setup  ## a man page of tdxctl and of each command in build/man
	$(BIN)/python -m tools.manpages

visits: setup  ## four first visits: what a newcomer types, is told, and how long it takes
	$(BIN)/python -m tools.visits

dist: setup  ## a wheel in dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir dist .

clean:  ## remove the environments and what the tools leave behind
	rm -rf .venv .venv-* .bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
