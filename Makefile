# The whole product from a fresh clone with Python 3.11+, git and make: uv comes along, in .tools/.
PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/bin/uv
UV_STAMP := .tools/uv-$(UV_VERSION)
BIN := .venv/bin

export UV_PYTHON_DOWNLOADS := never
export DAGSTER_HOME ?= $(CURDIR)

SCREENSHOT_DATA ?= data

.PHONY: help setup run ui serve test lint faults browser-test screenshots bench compose-test image-test upgrade-test clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / — /'

setup: .venv/.synced  ## the environment: .venv/bin/churn-assets

run: setup  ## a sample where the source is empty, a first model, forty nights, a second model that takes over
	@$(BIN)/churn-assets quickstart

ui: setup  ## the Dagster UI and daemon on http://127.0.0.1:3000
	$(BIN)/dagster dev --host 127.0.0.1 --port 3000 --workspace workspace.yaml

serve: setup  ## the score service and its page on http://127.0.0.1:8000
	$(BIN)/churn-assets serve

test: lint  ## linters, types, import contracts and the whole test suite
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck --severity=warning .ci/run .ci/image-test

faults: setup  ## every fault test, the long campaigns too, and a table of what they tried
	$(BIN)/pytest -m "fault or campaign" --fault-table

browser-test: setup  ## the page in a real browser (Debian's Chromium, installed where root may); screenshots in build/
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	$(BIN)/pytest -m browser -n 1

screenshots: setup  ## the pictures of docs/images, of what `make run` made, else of the same nights
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	$(BIN)/python benchmarks/screenshots.py $(SCREENSHOT_DATA)

bench: setup  ## the scoring step at a million and ten million customers, and a whole night beside scripts and projects that rival it
	$(BIN)/python benchmarks/scoring.py build/bench-1m --customers 1000000
	$(BIN)/python benchmarks/scoring.py build/bench-10m --customers 10000000
	$(BIN)/python benchmarks/same_work.py build/bench-10m --customers 10000000

compose-test: setup  ## the commands of compose.yaml as processes against a real PostgreSQL: a night published, watched, served
	$(BIN)/pytest -m campaign -n 0 churn_assets_tests/integration/test_compose.py

image-test: setup  ## build the Dockerfile without a container engine, and run the nightly chain inside it
	./.ci/image-test

upgrade-test: setup  ## this code on a data folder that an earlier revision made: REVISION, else the newest tag
	./.ci/upgrade-test $(REVISION)

clean:  ## remove the environment; data/ stays
	rm -rf .venv .tools

$(UV_STAMP):
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet uv==$(UV_VERSION)
	@touch $@

.venv/.synced: pyproject.toml uv.lock $(UV_STAMP)
	$(UV) sync --locked --quiet --compile-bytecode --python $(PYTHON)
	@touch $@
