# `make demo` and `make test` need only Python >= 3.11 and make. `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
CHECKS := .venv-checks

# pyvips is published as source, and would compile against a libvips that happens to be installed.
# pyvips-binary has the libvips that is meant.
export PKG_CONFIG_LIBDIR := /nonexistent
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

ENDPOINT ?=
STACK    ?=
ARGS     ?=
N        ?= 20

# One more than the processors that it may use, up to four: tests wait for engines and for pages.
WORKERS = $(shell $(BIN)/python -m tests.support.workers)

.DEFAULT_GOAL := help
.PHONY: help demo test quick test-e2e test-artifact test-second-engine check smoke format schema bench bench-engine bench-coldstart bench-console screenshots chaos fuzz mutate soak lock build deploy clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ops ## real photos through the real state machine, on this machine
	@$(BIN)/darkroom demo $(ARGS)

test: $(VENV)/dev ## the suite; ARGS=--all adds what repeats it on the whole system
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

quick: $(VENV)/dev ## lint, types and the tests that need no engine, in half a minute
	@{ $(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && \
	  $(BIN)/lint-imports --no-logo --no-cache; } & lint=$$!; \
	  $(BIN)/python -m pytest -n auto --dist worksteal tests/unit tests/template tests/fuzz tests/mutation $(ARGS); tests=$$?; \
	  wait $$lint && exit $$tests

test-e2e: $(VENV)/dev ## the end-to-end tests, against ENDPOINT=http://… or STACK=name (AWS); the engine by default
	@$(BIN)/python -m pytest tests/engine -m e2e --all $(if $(ENDPOINT),--endpoint $(ENDPOINT)) $(if $(STACK),--stack $(STACK)) $(ARGS)

test-artifact: $(VENV)/dev ## what `make build` makes, under emulated Arm: does it make the same bytes?
	@$(BIN)/python -m tools.artifact

test-second-engine: $(VENV)/dev ## the end-to-end tests on another emulator, MiniStack, where `sam deploy` deploys
	@$(BIN)/python -m tools.second_engine $(ARGS)

check: $(VENV)/dev $(CHECKS)/ready ## linters, type checks, and what checkov, cdk-nag and others say of the stack
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache
	@AWS_DEFAULT_REGION=us-east-1 $(BIN)/cfn-lint template.yaml cloudfront.yaml
	@$(BIN)/python -m tools.checks $(ARGS)

smoke: $(VENV)/dev ## every target on its smallest input; ARGS="bench demo" runs some
	@$(BIN)/python -m tools.checks.smoke $(ARGS)

format: $(VENV)/dev ## format the code
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

schema: $(VENV)/dev ## write events/request.schema.json from the models
	@$(BIN)/python -m tools.schema

bench: $(VENV)/dev ## speed and quality beside sharp, libvips and plain Pillow; options in ARGS
	@$(BIN)/python benchmarks/bench.py $(ARGS)

bench-engine: $(VENV)/dev ## the time of executions, the engine's share of it, and its memory
	@$(BIN)/python benchmarks/engine.py $(ARGS)

bench-coldstart: $(VENV)/dev ## what importing a handler costs, beside importing boto3
	@$(BIN)/python benchmarks/coldstart.py $(ARGS)

bench-console: $(VENV)/dev ## how quickly the console answers, with 1,000 executions present
	@$(BIN)/python benchmarks/console.py $(ARGS)

screenshots: $(VENV)/dev ## pictures of every page of the console, into docs/screenshots; needs Chromium
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

fuzz: $(VENV)/dev ## a long run of the decoders on damaged files
	@$(BIN)/python -m pytest tests/fuzz -n 2 --all --examples 5000 $(ARGS)

chaos: $(VENV)/dev ## 500 uploads while workers die and AWS errs; ARGS=--seed=7 repeats one
	@$(BIN)/python -m pytest tests/engine/test_chaos.py --all --uploads 500 --seed 0 $(ARGS)

mutate: $(VENV)/dev ## break what changed since main, line by line: does a test notice?
	@$(BIN)/python -m tests.mutation $(ARGS)

soak: $(VENV)/dev ## the whole suite N times, in any order, half of them under load: does luck decide?
	@$(BIN)/python -u -m tests.soak $(N) $(ARGS)

lock: $(VENV)/dev ## compile requirements from pyproject.toml; ARGS=--upgrade takes newer versions
	@PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile.sh $(ARGS)

build: $(VENV)/dev ## build the layer and check it; with the SAM CLI, all that is deployed (no Docker)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) --silent -C layers/darkroom build-ImagingLayer ARTIFACTS_DIR="$(CURDIR)/build/layer"
	@$(BIN)/python -m tools.layer build/layer
	@if command -v sam >/dev/null; then PATH="$(CURDIR)/$(BIN):$$PATH" sam build; fi

deploy: ## deploy on AWS; asks for the parameters until samconfig.toml has the answers
	@command -v sam >/dev/null || { echo "Deploying needs the SAM CLI: pip install aws-sam-cli, or the installer of AWS."; exit 2; }
	@$(MAKE) --no-print-directory build
	@if grep -q '^region' samconfig.toml; then sam deploy; else sam deploy --guided; fi
	@echo "A new bucket sends its events after about five minutes. What is uploaded before, darkroom audit finds."
	@stack=$$(sed -n 's/^stack_name *= *"\(.*\)"/\1/p' samconfig.toml | tail -n 1); \
	  region=$$(sed -n 's/^region *= *"\(.*\)"/\1/p' samconfig.toml | tail -n 1); \
	  AWS_DEFAULT_REGION="$$region" $(BIN)/darkroom doctor --stack "$${stack:-darkroom}" || true

clean: ## remove what was made
	rm -rf $(VENV) $(CHECKS) .venv-second-engine .venv-aws tools/checks/node/node_modules tools/clients/javascript/node_modules benchmarks/peers/node_modules build .aws-sam .darkroom demo-output benchmarks/results .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .mutate

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Darkroom needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …"; exit 2; }
	@echo "Making the environment $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/ops: requirements/ops.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/ops

$(CHECKS)/ready: requirements/checks.txt | $(VENV)/bin/python
	@echo "Making the environment $(CHECKS) (once, about two minutes) …"
	@$(PYTHON) -m venv $(CHECKS)
	@$(CHECKS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@
