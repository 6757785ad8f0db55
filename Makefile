# `make demo` and `make test` need only python3 (3.11 or newer) and a package index.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := setup.py $(wildcard service/domain/*.py service/domain/*/*.py service/history/*.py service/backtest/*.py)
LIBRARIES := service/*/*.so service/*/*/*.so
COMPILED := build/compiled.cksum

# A compiled module hides its source. $(COMPILED) holds the checksums of the sources that were compiled: unlike times, they also
# show what was renamed, deleted, or put back with its old date. Exit code 3: no C compiler, or no Python.h.
define COMPILE
{ sums=$$(cksum $(SOURCES)); \
if [ "$$sums" != "$$(cat $(COMPILED) 2>/dev/null)" ] || ! ls $(LIBRARIES) >/dev/null 2>&1; then \
  echo "Compiling the engine (half a minute)"; \
  rm -f $(LIBRARIES) $(COMPILED); \
  CHURN_ALERT_COMPILE=1 $(BIN)/python setup.py --quiet build_ext --force --inplace && mkdir -p build && echo "$$sums" > $(COMPILED); \
fi; }
endef

.DELETE_ON_ERROR:
.PHONY: install demo test check lint bench clean compile current pure

install: current $(STAMP)

current:
	@if ls $(LIBRARIES) >/dev/null 2>&1 && [ "$$(cksum $(SOURCES))" != "$$(cat $(COMPILED) 2>/dev/null)" ]; then \
	  rm -f $(LIBRARIES) $(COMPILED); echo "Removed the compiled engine: its source has changed (make compile)"; fi

# Optional: the same engine, several times as fast. Needs a C compiler and Python.h.
compile: install
	@$(COMPILE)

pure:
	@if ls $(LIBRARIES) >/dev/null 2>&1; then \
	  rm -f $(LIBRARIES) $(COMPILED); echo "Removed the compiled engine: the tests run its source (make compile)"; fi

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
check: pure lint
	$(BIN)/python -m pytest -q -n auto tests/unit tests/property tests/contract

# Then whole logs, side by side; what needs a broker runs alone: those tests measure times, and kill processes.
test: check
	$(BIN)/python -m pytest -q -n auto --dist loadfile tests/logs
	$(BIN)/python -m pytest tests/integration tests/chaos

bench: install
	@$(COMPILE) || { test $$? -eq 3 && echo "NOT COMPILED: the figures below are those of pure Python, several times slower" >&2; }
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s --timeout=3600

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .churn-alert $(LIBRARIES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
