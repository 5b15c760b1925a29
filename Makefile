# Every command here is the one that people and CI run alike.

PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command "make requirements"

# The settings of docs/going-live.md, with values that connect to nothing.
DOCUMENTED_SETTINGS = ENV_FILE= SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))') \
	SITE_URL=https://app.acme.example DATABASE_URL=postgres://user:password@db.acme.example/app \
	WORKOS_API_KEY=sk_live_nobodys WORKOS_WEBHOOK_SECRET=whsec_nobodys-and-unused \
	EMAIL_URL=smtp+tls://user:password@mail.acme.example BEHIND_TLS_PROXY=on TRUSTED_PROXIES=10.0.0.0/8

.DEFAULT_GOAL := help
.PHONY: help setup browser demo run test test-fast test-other values histories bench bench-smoke bench-peers rehearse contract \
	screenshots lint check requirements licenses \
	audit contract-newest

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed browser  ## Install what the project needs (fast when nothing changed)

.venv/.installed: requirements/dev.txt
	@devtools/create_venv $(PYTHON)
	@echo "Installing the Python packages …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

browser: .venv/.installed
	@test -e .venv/.browser || $(BIN)/python -m tests.browser.chromium

.env: .venv/.installed
	@$(BIN)/python -c 'import os, secrets; text = open(".env.example").read(); os.umask(0o077); open(".env", "x").write(text.replace("SECRET_KEY=\n", f"SECRET_KEY={secrets.token_urlsafe(48)}\n"))'
	@echo "Wrote .env. Put your WorkOS API key and webhook secret into it."

demo: setup  ## Run the whole application against the sandbox: no account, no network
	@$(MANAGE) demo $(DEMO)

run: setup .env  ## Run the web server and the worker with .env, against WorkOS
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) worker & worker=$$!; trap "kill $$worker 2>/dev/null; wait $$worker" EXIT; $(MANAGE) runserver

test: setup  ## Run the tests
	@$(BIN)/pytest $(PYTEST)

test-fast: setup  ## Run the tests without a browser, real servers and generated values
	@$(BIN)/pytest -m "not browser and not slow" $(PYTEST)

test-other:  ## Run the fast tests with another Python, in an environment of its own (OTHER=python3.13)
	@$(or $(OTHER),python3.13) -m venv --clear build/other-python
	@build/other-python/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@build/other-python/bin/pytest -m "not browser and not slow" $(PYTEST)

values: setup  ## Put 5,000 arbitrary values into events and API objects (the tests try fewer)
	@VALUE_CASES=$(or $(CASES),5000) $(BIN)/pytest tests/webhooks/test_any_values.py

histories: setup  ## Apply 10,000 histories of directories, shuffled and interrupted (the tests apply fewer)
	@HISTORIES=$(or $(COUNT),10000) $(BIN)/pytest -n 0 tests/webhooks/test_histories.py

bench: setup  ## Measure speed and durability on this machine: BENCH=growth, "ingest --rounds 1" (20 minutes)
	@$(BIN)/python -m bench $(or $(BENCH),all)

bench-smoke: setup  ## Run each benchmark for a second: fails on errors and lost rows, never on time
	@$(BIN)/python -m bench all --smoke

bench-peers:  ## Install what the receivers need that the benchmark compares ours with
	@test -x bench/peers/fastapi/.venv/bin/python || $(PYTHON) -m venv bench/peers/fastapi/.venv
	@bench/peers/fastapi/.venv/bin/pip install --quiet --disable-pip-version-check -r bench/peers/fastapi/requirements.txt
	@if command -v npm >/dev/null; \
	then cd bench/peers/express && npm install --no-package-lock --no-audit --no-fund --loglevel=error; \
	else echo "Node is not installed: Express is left out."; fi

rehearse: setup  ## Restart and kill every process behind nginx while 5,000 webhooks arrive (REHEARSE="--proxy caddy")
	@$(BIN)/python -m deploy.rehearsal $(REHEARSE)

contract: setup  ## Check the sandbox against WorkOS's OpenAPI document and Node SDK (needs Node 20)
	cd tests/contract && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	cd tests/contract && SANDBOX_PYTHON=$(abspath $(BIN))/python node --test

contract-newest: .venv/.installed  ## Run the gateway's tests with the newest WorkOS SDK that can be installed
	@$(PYTHON) -m venv --clear build/newest-sdk
	@build/newest-sdk/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@build/newest-sdk/bin/pip install --quiet --disable-pip-version-check --upgrade workos
	@build/newest-sdk/bin/pip freeze | grep '^workos=='
	@build/newest-sdk/bin/pytest -n 0 tests/gateway

audit: .venv/.installed  ## Look up known vulnerabilities of the pinned packages (needs the internet)
	@test -x build/audit/bin/pip || $(PYTHON) -m venv build/audit
	@build/audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@$(BIN)/python -m devtools.vulnerabilities build/audit/bin/pip-audit

screenshots: setup  ## Take the README's pictures from the running demo
	@$(BIN)/python -m tests.browser.screenshots

lint: setup  ## Check style, types, import contracts, migrations and production settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W error manage.py makemigrations --check --dry-run --settings tests.settings
	$(DOCUMENTED_SETTINGS) $(BIN)/python manage.py collectstatic --noinput --verbosity 0
	$(DOCUMENTED_SETTINGS) $(BIN)/python -W error manage.py check --deploy --fail-level WARNING

check: lint test  ## Run what CI runs: lint, test, and contract if Node 20 is installed
	@if command -v node >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; \
	then $(MAKE) --no-print-directory contract; else echo "Node 20 is not installed: make contract did not run."; fi

requirements:  ## Compile requirements/*.txt from the pyproject.toml files (UPGRADE=1: newer versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements/base.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev -c requirements/base.txt pyproject.toml sandbox/pyproject.toml \
		-o requirements/dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group audit -o requirements/audit.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra sentry -c requirements/base.txt pyproject.toml -o requirements/sentry.txt
	@$(MAKE) --no-print-directory .venv/.installed licenses

licenses: .venv/.installed  ## Write docs/licenses.md from the pinned packages
	@$(BIN)/python -m devtools.licenses
