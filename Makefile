# What can be done with a clone of Tilth. Nothing here needs root, and all of it works as root, too.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-all ui check bench constraints clean

# The first Python that fits; `make setup PYTHON=/path/to/python3.12` takes another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
READY := .venv/ready
BENCH_ROWS ?= 20000

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export DO_NOT_TRACK := 1

help:
	@echo 'make run          run the nights of the sample company, and say what they brought'
	@echo 'make ui           serve the Dagster UI over the sample company, its systems running (PORT=3001: on another port)'
	@echo 'make test         run the tests; make test-all runs the long ones, too'
	@echo 'make check        lint, format, types, and the rules of the house'
	@echo 'make bench        run all benchmarks at small size'
	@echo 'make setup        make .venv with everything in it; the others do that by themselves'
	@echo 'make constraints  write constraints.txt anew from the newest versions that pyproject.toml allows'
	@echo 'make clean        remove the data of the sample company, and what tools left; .venv stays'

setup: $(READY)

# Made again when one of these two files has changed. uv is quick; where it cannot reach its index, pip may.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo 'error: no Python that fits was found (expected 3.11, 3.12 or 3.13, with venv and ensurepip)' >&2; \
		echo '  next: make setup PYTHON=/path/to/python3.12' >&2; exit 1; }
	@echo 'setting up .venv with $(PYTHON); this is done once'
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet -c constraints.txt uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]' || { \
		echo 'uv could not; trying pip' >&2; \
		$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'; }
	@mkdir -p .dev && ln -sfn .. .dev/tilth
	@touch $(READY)

run: $(READY)
	@$(BIN)/python -m tilth.pipelines.sample

ui: $(READY)
	@$(BIN)/tilth ui $(if $(PORT),--port $(PORT))

test: $(READY)
	@$(BIN)/pytest -n 2 --dist loadfile -m 'not long'

test-all: $(READY)
	@$(BIN)/pytest -n 2 --dist loadfile

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/pytest tests/house -m 'not long'

bench: $(READY)
	@for file in benchmarks/[a-z]*.py; do \
		name=$$(basename $$file .py); $(BIN)/python -m benchmarks.$$name --rows $(BENCH_ROWS) || exit 1; done

# A fresh environment without constraints, and what it holds: exact versions, and no index or host.
constraints:
	@rm -rf build/constraints && "$(PYTHON)" -m venv build/constraints
	@build/constraints/bin/python -m pip install --quiet --upgrade uv setuptools
	@build/constraints/bin/uv pip install --quiet --python build/constraints/bin/python -e '.[dev]'
	@{ echo '# Exact versions that were tried together, on Python 3.11. Made by `make constraints`.'; \
		build/constraints/bin/uv pip freeze --quiet --python build/constraints/bin/python --exclude-editable \
		| grep -v -i -E '^(pip|tilth)(==| @)'; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

clean:
	@rm -rf data build dist ./*.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
