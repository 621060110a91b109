# evalnb. `make demo` shows it, `make test` proves it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := .build/uv/bin/uv
PORTAL_SOURCES := $(shell find portal \( -name node_modules -o -name .next \) -prune -o -type f ! -name '*.tsbuildinfo' ! -name next-env.d.ts -print)
WIDGET_SOURCES := $(shell find widgets -path '*/node_modules' -prune -o -type f \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.mjs' -o -name '*.json' \) -print)

help: ## what can be made
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: setup portal/.next/ready ## everything running, with data, a small detector, and the tour open: the address is printed
	$(BIN)/python -m evalnb demo

up: setup portal/.next/ready ## the servers, API, worker, portal, JupyterLab and Voila on your own data
	$(BIN)/python -m evalnb up

test: setup portal/.next/ready .build/chromium ## every test, two folders at a time: real PostgreSQL, Valkey, workers and Chromium
	@tools/outside-servers.sh
	npm test --workspace widgets
	CHROMIUM=$$(cat .build/chromium) $(BIN)/python tools/run_tests.py

check: setup ## style, types, import floors, generated files, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_types.py --check
	$(BIN)/python tools/generate_client.py --check
	npm run check --workspace widgets
	npm run check --workspace portal
	$(BIN)/python tools/check_rules.py
	$(BIN)/python tools/new_migration.py --check

portal: setup portal/.next/ready ## the portal's production build, which `up` and `demo` start where Node is

generate: setup ## TypeScript's types, written anew from the Pydantic wire shapes and from OpenAPI
	$(BIN)/python tools/generate_types.py
	$(BIN)/python tools/generate_client.py

bench: setup ## the benchmarks: tables here, JSON in benchmarks/results
	for one in canvas comm coverage deep dialects evaluation explain follow front ingest lab sam2 sam2_cpu serving slider tiles uploads; do $(BIN)/python -m benchmarks.$$one || exit 1; done

screenshots: setup portal/.next/ready .build/chromium ## the pictures in docs/images, taken anew from the demo
	for one in screenshots screenshots_canvas screenshots_evaluation screenshots_portal screenshots_window; do \
		CHROMIUM=$$(cat .build/chromium) $(BIN)/python -m tools.$$one || exit 1; done

wheel: setup portal/.next/ready ## dist/*.whl, with the browser bundles and the portal inside
	$(BIN)/python -m hatchling build -t wheel

images-check: setup .build/chromium ## build the container images, run the compose file's services from them, and the end-to-end test against those; without Docker (root, Debian)
	CHROMIUM=$$(cat .build/chromium) $(BIN)/python -m tools.images --then "$(BIN)/python -m pytest -q tests/browser/test_end_to_end.py"

lock: .build/uv/ready ## the hashed dependency locks, written anew
	tools/lock.sh
	npm install --package-lock-only

setup: .venv/ready evalnb/core/native/libevalnb.so evalnb/widgets/static/ready ## the Python environment, the native library and the built widgets

clean: ## remove what was built (never your data)
	rm -rf .venv .build node_modules widgets/node_modules portal/node_modules portal/.next evalnb/widgets/static evalnb/core/native/*.so dist

.build/uv/ready: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "evalnb needs Python 3.11 or later; $$($(PYTHON) --version) is $(PYTHON). Try: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .build/uv
	.build/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	touch $@

.venv/ready: .build/uv/ready requirements.lock requirements-sam2.lock pyproject.toml
	[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.lock
	SAM2_BUILD_CUDA=0 $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --require-hashes -r requirements-sam2.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

evalnb/core/native/libevalnb.so: $(wildcard evalnb/core/native/*.[ch]) tools/build_native.py
	$(PYTHON) tools/build_native.py

node_modules/.package-lock.json: package-lock.json package.json widgets/package.json portal/package.json
	@node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' || { echo "evalnb needs Node 20 or later to build its widgets"; exit 1; }
	npm ci --no-audit --no-fund
	touch $@

evalnb/widgets/static/ready: node_modules/.package-lock.json $(WIDGET_SOURCES)
	npm run build --workspace widgets
	touch $@

# Built only where something shows it: it takes a minute, and a notebook needs none of it.
portal/.next/ready: node_modules/.package-lock.json evalnb/widgets/static/ready $(PORTAL_SOURCES)
	NEXT_TELEMETRY_DISABLED=1 npm run build --workspace portal

.build/chromium: tools/chromium.sh .venv/ready
	mkdir -p .build && tools/chromium.sh > $@.new && mv $@.new $@

.PHONY: help demo up test check portal generate bench screenshots wheel images-check lock setup clean
