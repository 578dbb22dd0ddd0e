# `make demo` and `make test` do all of the set-up by themselves: the virtual environment, the container engine and
# the container images of the steps. What is already there is used, so the second time takes about a second.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SETUP := steps/setup

# The docker CLI may point to another engine by its context, which the SDK does not read: tell it.
ifndef DOCKER_HOST
DOCKER_HOST := $(shell docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
endif
ifneq ($(DOCKER_HOST),)
export DOCKER_HOST
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test unit lint venv engine images clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: images ## set up, run the pipeline over the sample municipality, compare with the truth
	$(BIN)/python -m coordinator run images/demo --out runs/demo
	$(BIN)/python -m coordinator score runs/demo images/demo/truth.geojson

test: images ## set up, then all tests, in every room; a missing engine is a failure
	COORDINATOR_REQUIRE_ENGINE=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

unit: $(STAMP) ## the tests that need no engine: seconds
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

lint: $(STAMP) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

venv: $(STAMP) ## the virtual environment, in .venv

$(STAMP): pyproject.toml $(SETUP)/venv.sh
	@$(SETUP)/venv.sh $(VENV)
	@touch $@

engine: ## a container engine that answers: used, started or (as root) installed
	@$(SETUP)/engine.sh

images: $(STAMP) engine ## the container images of the steps, those whose inputs have changed
	@$(BIN)/python -m steps.setup

clean: ## remove runs, caches and the virtual environment
	rm -rf runs build $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find coordinator steps images tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "The engine and its images are left. To remove the images:"
	@echo "  docker image rm --force \$$(docker image ls --quiet --filter label=coordinator.inputs)"
	@echo "To stop an engine that the set-up started: kill \$$(pidof dockerd)"
