# Everything a person or a machine runs here. `make demo` and `make test` set up what they need, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BENCH := .venv-bench
PIP_BENCH := $(BENCH)/bin/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check fast slow format bench lock clean setup setup-dev debian spark

demo: setup ## a small world, scanned: demo/report.html
	$(BIN)/stillwatch demo --out demo

test: setup-dev debian spark ## everything that is tested
	$(BIN)/python -m pytest -n 2 -rs

check: setup-dev lint ## format, lint, types, fast tests
	$(BIN)/python -m pytest -n 2 -m "not slow"

.PHONY: lint
lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH)/.stamp ## its own speed on this machine, beside peers'
	$(BENCH)/bin/stillwatch bench

.PHONY: bench-peers
bench-peers: setup ## published detectors beside ours on the same worlds; with STILLWATCH_CORPUS, on real prompts too
	$(BIN)/python -m benchmarks.peers --pictures docs

.PHONY: bars
bars: setup ## every bar of detection beside what is reached; hours, and can be stopped and gone on with
	$(BIN)/python -m benchmarks.bars $(BARS)

setup: $(STAMP)-run
setup-dev: $(STAMP)-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tools/debian.sh python3-venv
	$(PYTHON) -m venv $(VENV)

# The two sets share the project's own install; kernels are compiled into their cache here, not at the first scan.
$(STAMP)-run: locks/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r locks/run.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	$(BIN)/stillwatch warm
	@touch $@

$(STAMP)-dev: locks/dev.txt $(STAMP)-run
	$(PIP) install --require-hashes -r locks/dev.txt
	@touch $@

# Peers have an environment of their own, since not all of them live with the newest Arrow. One of them comes as source
# only: what builds it is locked as well, and has to be there first.
$(BENCH)/.stamp: locks/bench.txt locks/bench-build.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(BENCH)
	$(PIP_BENCH) install --require-hashes -r locks/bench-build.txt
	$(PIP_BENCH) install --require-hashes --no-build-isolation --use-pep517 -r locks/bench.txt
	$(PIP_BENCH) install --no-deps --no-build-isolation -e .
	$(BENCH)/bin/stillwatch warm
	@touch $@

debian: ## what some tests need from Debian; where it cannot be had they are skipped, and say so
	@sh tools/debian.sh postgresql chromium default-jre-headless || true
	@sh tools/debian.sh clickhouse-server || true

spark: setup-dev ## the cluster engine for its tests; where it cannot be had they are skipped, and say so
	@$(MAKE) --no-print-directory $(STAMP)-spark || echo "Spark could not be installed: its tests are skipped" >&2

# It comes as source only; what builds it is in the development set.
$(STAMP)-spark: locks/spark.txt $(STAMP)-dev
	$(PIP) install --require-hashes --no-build-isolation -r locks/spark.txt
	@touch $@

lock: setup-dev ## new versions within the ranges of pyproject.toml
	sh tools/lock.sh

clean:
	rm -rf $(VENV) $(BENCH) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
