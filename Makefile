# `make demo` and `make test` need only python3 (3.11 or newer) and a package index; once installed, not even that.
PYTHON ?=
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
NEWEST := .venv-newest
PYTEST = $(BIN)/python -m pytest
COMPILE_LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make upgrade" $(UPGRADE)

# What Python has compiled once it keeps: every process that a test starts would compile all that it imports again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.PHONY: install environment demo test chaos check lint unit slow whole pages brokers containers bench figures pictures dist sbom audit lock upgrade test-newest clean

# All that lock/ holds, and churn-alert itself, compiled where there is a C compiler. The commands of $(BIN) run what is installed
# here; tests, mypy and ruff look at the source.
install: environment
	@lock/package $(VENV)

environment:
	@lock/install $(VENV) $(PYTHON)

# Ends with Ctrl-C; `make demo ARGS=--exit` ends by itself, `make demo ARGS=my-shop.csv` uses a file of yours.
demo: install
	@$(BIN)/churn-alert demo $(ARGS)

lint: environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# A file to a process: what its tests share is made once. With PROCESSES=0 in one, for a tenth less of processor time.
PROCESSES ?= auto
unit: environment
	$(PYTEST) -q -n $(PROCESSES) --dist loadfile tests/unit tests/property tests/contract

# Everything that needs no broker, mypy beside the tests: it is one process. It installs nothing that is there, and needs no network
# then.
check: environment
	@$(MAKE) --no-print-directory --assume-old=environment -j 2 lint unit

# Whole shops and whole logs: arithmetic alone. With CHURN_ALERT_TESTS_RUN=installed of what is installed, for two thirds of it.
whole: environment
	$(PYTEST) -q -n auto --dist loadfile tests/logs tests/shops

# Pages in a browser, wheels, exports: whole ways that need no broker.
pages: environment
	$(PYTEST) -q -n auto --dist loadfile -m "not broker" tests/chaos tests/integration

# What needs a broker: three processes, a broker each, which wait for half of their time; the long ones first.
brokers: environment
	$(PYTEST) -v -n 3 --dist loadfile --no-loadscope-reorder -m broker tests/chaos tests/integration

slow: whole pages brokers

ifeq ($(CHURN_ALERT_TESTS_RUN),installed)
whole: install
endif

test: check slow

# Schedules of kills, pauses, lost brokers and broken networks for hours: each prints its seed, and the first after which anything is
# not as it must be ends it. `make chaos ARGS=--proof` is the named one, `ARGS="--seed 4711"` one again, `ARGS=--mutants` the defects.
MINUTES ?= 120
chaos: environment
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) $(ARGS)

# Builds the image and brings the stack of docker-compose.yml up until a mail arrives. It needs a Docker engine, and minutes.
containers: environment
	$(PYTEST) -v -s -p no:cacheprovider tests/containers

# The one suite that runs what is installed.
bench: install
	CHURN_ALERT_TESTS_RUN=installed $(PYTEST) -m benchmark tests/benchmarks -s --timeout=3600

# The same, and what it finds is written into docs/speed.md with day, commit and machine. `make figures ARGS="-k latency"`: a part.
figures: install
	CHURN_ALERT_TESTS_RUN=installed BENCHMARK_FIGURES=docs/speed.md $(PYTEST) -m benchmark tests/benchmarks -s --timeout=3600 $(ARGS)

# The pictures that README.md and docs/page.md show, taken anew of the pages and of the mail as they are. It needs Chromium.
pictures: environment
	$(PYTEST) -q tests/integration/test_people_looks.py tests/integration/test_page_looks.py -k pictures_for_people
	cp build/pictures/today.png docs/pictures/today.png
	cp build/pictures/page.png docs/pictures/numbers.png
	$(BIN)/python -m docs.writing.mail

# The sources, a wheel in pure Python for every machine, and where there is a C compiler the compiled one of this machine.
dist: environment
	CHURN_ALERT_COMPILE=0 $(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python setup.py tell
	$(BIN)/python -m build --no-isolation --outdir dist --wheel
	rm -rf build churn_alert.egg-info

# What is run, as a CycloneDX document: for those who ask what is in it. It needs no network.
sbom: environment
	@lock/sbom $(VENV) dist/churn-alert.cdx.json

# Whether weaknesses are known of what is locked. It asks a public database, so it needs the network; without one it ends with 2 and
# says so. `make audit ARGS="--vulnerability-service osv"` asks another.
audit: environment
	@lock/audit $(VENV) $(ARGS)

# After a change of pyproject.toml: what it asks for is added, everything else stays as it is locked.
lock: environment
	$(COMPILE_LOCK) --extra test --group build pyproject.toml --output-file lock/all.txt
	$(COMPILE_LOCK) --constraint lock/all.txt --extra avro --extra protobuf pyproject.toml --output-file lock/run.txt
	$(COMPILE_LOCK) --constraint lock/all.txt --group build --output-file lock/build.txt

# The newest of everything that the ranges of pyproject.toml allow.
upgrade:
	@$(MAKE) --no-print-directory lock UPGRADE=--upgrade
	@git diff --unified=0 -- lock/all.txt | grep '^[-+][a-z0-9].*==' || echo "Nothing has moved."

# All tests on the newest versions that the ranges allow, in an environment of its own, and what moved against the lock.
test-newest: environment
	$(BIN)/python -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --upgrade pip
	$(NEWEST)/bin/python -m pip install --quiet --upgrade --group build '.[test]'
	@rm -rf build churn_alert.egg-info
	@$(NEWEST)/bin/python -m tests.support.lock
	@$(MAKE) --no-print-directory --assume-old=environment VENV=$(NEWEST) unit slow
	@$(NEWEST)/bin/python -m tests.support.lock

clean:
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .churn-alert
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
