# Everything runs from .venv, made on first use from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test coverage lint fix bench api docs audit pretrained wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "isoglot needs Python 3.10 or later; name one: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: setup
	$(BIN)/isoglot demo --out demo

# Two processes with a thread each: tests are too small to share among threads.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# Lines that the tests reach, in processes that they start as well, but for workers of Ray; in half as long again.
coverage: setup
	rm -f .coverage .coverage.*
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest --numprocesses 2 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	for benchmark in benchmarks/[a-z]*.py; do $(BIN)/python $$benchmark || exit 1; done

# The page of the public API, from signatures and docstrings; a test compares the two.
api: setup
	$(BIN)/python scripts/write_api.py

# Known vulnerabilities of what constraints.txt pins; skipped, with the reason, where the database is not reached.
audit: .venv-audit/bin/pip-audit
	$(PYTHON) scripts/audit.py .venv-audit/bin/pip-audit constraints.txt

.venv-audit/bin/pip-audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1

# The documentation as a site, in build/site/index.html; stops at a broken link.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# Wheel and sdist, built and tried in an empty environment of every Python that is here: minutes, and some gigabytes each.
wheel: setup
	$(BIN)/python scripts/check_wheel.py --install

# A real multilingual encoder (470 MB) for the tests that need one; nothing else does.
pretrained: .cache/e5/modules.json

.cache/e5/modules.json: scripts/build_e5.py | $(STAMP)
	$(BIN)/python scripts/build_e5.py .cache/e5

clean:
	rm -rf $(VENV) .venv-audit build dist demo
