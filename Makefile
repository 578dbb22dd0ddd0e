# `make demo`, `make test` and `make daemon` do all of the set-up by themselves: the virtual environment, the container
# engine and the container images. What is already there is used, so the second time takes about a second.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLUSTER := $(VENV)/.cluster
SETUP := setup
COMPOSE := coordinator/service/container/compose.sh

# Where the image service answers. docker-compose.yml has the same default, and reads the variable if it is set.
COORDINATOR_PORT ?= 8080

# The docker CLI may point to another engine by its context, which not all that is called here reads: tell it.
ifndef DOCKER_HOST
DOCKER_HOST := $(shell docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
endif
ifneq ($(DOCKER_HOST),)
export DOCKER_HOST
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run daemon stop devconsole test unit lint screenshots venv engine images parts browser cluster gdal sshd clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: images ## set up, run the pipeline over the sample municipality, compare with the truth, show it
	@$(BIN)/python -m coordinator demo

run: parts ## the image service, until Ctrl-C
	@trap : INT; $(COMPOSE) up --no-build; code=$$?; $(COMPOSE) down; exit $$code

daemon: parts ## the image service in the background; COORDINATOR_PORT=... for a port other than 8080
	@$(COMPOSE) up --detach --no-build || { $(COMPOSE) logs --tail 25; exit 1; }
	@$(BIN)/python -m coordinator.service.container.answers http://localhost:$(COORDINATOR_PORT)

stop: ## end the image service; the images and jobs that it holds are kept
	@$(COMPOSE) down

devconsole: daemon ## a shell in the image service's container
	@$(COMPOSE) exec service bash

test: images parts browser cluster gdal sshd ## set up, then all tests, in every room; a missing engine is a failure
	COORDINATOR_REQUIRE_ENGINE=1 $(BIN)/python -m pytest --numprocesses 2 $(PYTEST_ARGS)

unit: $(STAMP) ## the tests that need no engine: seconds
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

lint: $(STAMP) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: daemon browser demo ## take the pictures of the pages in docs/ anew
	$(BIN)/python -m tests.acceptance.screenshots http://localhost:$(COORDINATOR_PORT) docs
	$(BIN)/python -m tests.acceptance.report_pictures runs/demo images/demo/truth.geojson docs

venv: $(STAMP) ## the virtual environment, in .venv

$(STAMP): pyproject.toml $(SETUP)/venv.sh
	@$(SETUP)/venv.sh $(VENV)
	@touch $@

engine: ## a container engine that answers: used, started or (as root) installed
	@$(SETUP)/engine.sh

images: $(STAMP) engine ## the container images of the steps, those whose inputs have changed
	@$(BIN)/python -m coordinator images build

parts: $(STAMP) engine ## the container images of the image service
	@$(BIN)/python -m coordinator images build nginx service

browser: ## a browser for the tests of the page (as root, installed)
	@tests/acceptance/browser.sh

cluster: $(CLUSTER) ## Ray in the virtual environment, for runs on a cluster: 240 MB

$(CLUSTER): $(STAMP)
	@$(SETUP)/extra.sh $(VENV) cluster

gdal: ## ogrinfo, for the tests of what a run writes for a GIS (as root, installed)
	@command -v ogrinfo >/dev/null || $(SETUP)/apt-install.sh "ogrinfo, for the tests of results" gdal-bin || true

sshd: ## an sshd, for the tests of engines behind ssh (as root, installed)
	@command -v sshd >/dev/null || $(SETUP)/apt-install.sh "sshd, for the tests of engines behind ssh" openssh-server || true

clean: ## remove runs, caches and the virtual environment
	rm -rf runs build $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find coordinator steps images tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "The engine and its images are left. To remove the images:"
	@echo "  docker image rm --force \$$(docker image ls --quiet --filter label=coordinator.inputs)"
	@echo "To stop an engine that the set-up started: kill \$$(pidof dockerd)"
