# `make sim` and `make test` do all of their own set-up; they need Python 3.11 or newer and git.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# uv is the faster one, where it is there. It does not read pip's own settings: what it finds nowhere pip may find.
UV := $(shell command -v uv)
UV_INSTALL := $(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
install = $(if $(UV),$(UV_INSTALL) $(1) ||) $(PIP_INSTALL) $(1)

# Also for what pip builds in environments of its own; a newer pip has its own word for that.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
export UV_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt

REPEAT ?= 1
# Another Prefect than that of the constraints: `make test VENV=.venv-3.8.8 PREFECT=3.8.8`.
PREFECT ?=

# The jobs here start hundreds of processes, each of which would compile our files again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: sim test faults validate bench docs docs-site lint dist clean

sim: $(VENV)/.installed  ## run the main job on Prefect's embedded server
	@$(BIN)/python -m fusion_flows

test: $(VENV)/.tests  ## run all tests; several processes, as much of the time is spent waiting
	@$(BIN)/python -m pytest -n 2 --dist worksteal

faults: $(VENV)/.tests  ## every fault of docs/faults.md, also the slow ones; REPEAT=10 for ten times
	@for round in $$(seq $(REPEAT)); do $(BIN)/python -m pytest -m 'fault or slow' || exit 1; done

validate: $(VENV)/.tests  ## compare with published and independent figures: some minutes, with plots
	$(BIN)/python -m validation.validate --output build/validation

bench: $(VENV)/.tests  ## requests per second, start-up, overhead of the flow, ends and news of a run
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.policy
	$(BIN)/python -m benchmarks.learning
	$(BIN)/python -m benchmarks.conventions
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.compiling
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.submission
	$(BIN)/python -m benchmarks.first_number
	$(BIN)/python -m benchmarks.cancel
	$(BIN)/python -m benchmarks.lag
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.paths
	$(BIN)/python -m benchmarks.large

docs: $(VENV)/.tests  ## write the pages that are made from the code
	$(BIN)/python docs/make_config_reference.py
	$(BIN)/python docs/make_features.py
	$(BIN)/python docs/make_columns.py
	$(BIN)/python docs/make_glossary.py
	$(BIN)/python docs/make_api_reference.py
	$(BIN)/python docs/make_architecture.py

docs-site: $(VENV)/.site  ## the documents as a site, build/site/index.html; a broken link is an error
	$(BIN)/sphinx-build -q -W --keep-going -c docs/site -d build/site-cache . build/site

lint: $(VENV)/.linters  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

dist: $(VENV)/.linters  ## the wheel and the source archive, as an index would take them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing into $(VENV): up to three minutes"
	@$(if $(UV),$(UV) venv --quiet --seed --allow-existing --python $(PYTHON) $(VENV) ||) $(PYTHON) -m venv $(VENV)
	@$(call install,--editable .)
	@touch $@

$(VENV)/.tests: $(VENV)/.installed
	@echo "installing what the tests need: up to two minutes"
	@$(call install,--editable '.[test]')
	@$(if $(PREFECT),env -u PIP_CONSTRAINT $(BIN)/python -m pip install --quiet 'prefect==$(PREFECT)')
	@touch $@

$(VENV)/.linters: $(VENV)/.tests
	@$(call install,--upgrade pip)  # older ones know no dependency groups
	@$(call install,--group dev)
	@touch $@

$(VENV)/.site: $(VENV)/.tests
	@$(call install,--upgrade pip)
	@$(call install,--group site)
	@touch $@

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
