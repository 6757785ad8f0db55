# `make demo` and `make test` need only python3 (3.11 or newer) and a package index.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.DELETE_ON_ERROR:
.PHONY: install demo test check lint bench clean

install: $(STAMP)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) was not found: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1): name a newer one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "error: $(PYTHON) cannot make virtual environments: install its venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing into .venv (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# Ends with Ctrl-C; `make demo ARGS=--exit` ends by itself, `make demo ARGS=my-shop.csv` uses a file of yours.
demo: install
	@$(BIN)/churn-alert demo $(ARGS)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Everything that needs no broker.
check: lint
	$(BIN)/python -m pytest -q tests/unit tests/property tests/contract

test: lint
	$(BIN)/python -m pytest -m "not benchmark"

bench: install
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s --timeout=3600

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .churn-alert
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
