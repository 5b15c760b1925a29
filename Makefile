# Every command here is the one that people and CI run alike.

PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make requirements"

.DEFAULT_GOAL := help
.PHONY: help setup browser demo run test lint check requirements

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

requirements:  ## Compile requirements/*.txt from pyproject.toml (UPGRADE=1 takes newer versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements/base.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev -c requirements/base.txt pyproject.toml -o requirements/dev.txt

.PHONY: contract
contract:  ## Hold the sandbox against WorkOS's OpenAPI document and its Node SDK (needs Node 20)
	cd tests/contract && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	cd tests/contract && SANDBOX_PYTHON=$(abspath $(BIN))/python node --test
