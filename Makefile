# Everything runs in .venv, which the first target makes: Python 3.11+, make and a package index are enough.
PYTHON ?= python3
BIN := .venv/bin
PHOTOS ?=
ONLY ?=
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: help setup demo up test check format bench verify-main verify-people verify-operations verify-review verify-privacy verify-speed notebooks lock schema clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /	/' | expand -t 16

setup: .venv/ready ## the virtual environment, from the lock file

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Memoria needs Python 3.11 or newer: make … PYTHON=python3.12")'
	@echo "Setting up .venv from requirements.lock; a few minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --use-pep517 --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the main job on a sample album; PHOTOS=/path/to/album for yours
	@$(BIN)/memoria demo $(if $(PHOTOS),--photos "$(PHOTOS)")

up: setup ## database, Dagster UI, daemon and review, until Ctrl-C
	@exec $(BIN)/memoria up

test: setup ## all tests, two files at a time
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: setup ## format, lint, types, Dagster's definitions
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/dg check defs

format: setup ## write the format, mend what lint can
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: setup ## benchmarks, as ratios within one run, beside the last; ONLY=NAME for a part
	@$(BIN)/python -m memoria_pipeline_tests.bench $(if $(ONLY),--only $(ONLY))

verify-main: setup ## the figures of the main job: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_main

verify-people: setup ## the figures of stable people: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_people

verify-operations: setup ## the figures of operations: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_operations

verify-review: setup ## the figures of the organiser's review: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_review

verify-privacy: setup ## the figures of consent, erasure and proof: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_privacy

verify-speed: setup ## the figures of speed: asked, reached
	@$(BIN)/python -m memoria_pipeline_tests.bench.verify_speed $(if $(ONLY),--only $(ONLY))

notebooks: setup ## the analysts' notebooks, in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir notebooks

lock: setup ## pin every dependency anew, with hashes and without an index's address
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock

schema: setup ## sql/schema.sql from the migrations
	@$(BIN)/python -m memoria_pipeline.store.migrate > sql/schema.sql.new && mv sql/schema.sql.new sql/schema.sql

clean: ## remove the virtual environment and the caches (MEMORIA_HOME stays)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
