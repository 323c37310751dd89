# Bastion on a machine that has Python 3.11 or later and make. `make run` and `make test` are all it takes.

SHELL := /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
# Jobs of one Makefile share .venv and frontend/node_modules.
.NOTPARALLEL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Node and npm come from a wheel, into the same directory.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix frontend --no-audit --no-fund --no-update-notifier
OPENAPI_TYPESCRIPT := PATH="$(CURDIR)/$(BIN):$$PATH" frontend/node_modules/.bin/openapi-typescript

RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
BUILD_STAMP := $(VENV)/.installed-build
MODULES_STAMP := frontend/node_modules/.installed
# Written by the build itself.
DIST_STAMP := frontend/dist/manifest.json
FRONTEND_SOURCES := $(shell find frontend -type f \
	-not -path 'frontend/node_modules/*' -not -path 'frontend/dist/*' -not -name '*.tsbuildinfo' 2>/dev/null)

.PHONY: help run test soak bench bench-quick check format types frontend requirements clean

help:
	@echo "make run           start Bastion at http://127.0.0.1:8000 (settings: docs/operations.md)"
	@echo "make test          run all tests; says what it skipped and why"
	@echo "make soak          kill processes and connections for SOAK_SECONDS or SOAK_KILLS, then check; SEED repeats a run"
	@echo "make bench         measure beside ssh and webssh, three quarters of an hour at most; BENCH=\"--only echo load\" for a part"
	@echo "make bench-quick   the same in five minutes, with less certainty"
	@echo "make check         formatting, lint, types, layers, and whether the API's types are up to date"
	@echo "make format        format Python and TypeScript"
	@echo "make types         write the API's types for the frontend"
	@echo "make frontend      build the frontend"
	@echo "make requirements  compile requirements/*.in to pinned *.txt (needs uv)"
	@echo "make clean         remove what was installed and built; data/ stays"

run: $(RUN_STAMP) $(DIST_STAMP)
	@exec $(BIN)/python -m bastion.supervisor --demo-host

test: $(DEV_STAMP) $(DIST_STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m tests.run

soak: $(DEV_STAMP) $(DIST_STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m tests.faults.soak

# docs/performance.md explains the figures.
bench: $(DEV_STAMP) $(DIST_STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m bench $(BENCH)

bench-quick: $(DEV_STAMP) $(DIST_STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/python -m bench --quick $(BENCH)

# Commands that only look must not make data/.
check types: export BASTION_DATA_DIR := $(CURDIR)/$(VENV)/check

check: $(DEV_STAMP) $(MODULES_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy . tools/bastion-verify
	$(BIN)/lint-imports
	$(NPM) run check
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file $(VENV)/schema.yaml
	@$(OPENAPI_TYPESCRIPT) $(VENV)/schema.yaml -o $(VENV)/schema.d.ts >/dev/null
	@cmp -s $(VENV)/schema.d.ts frontend/src/api/schema.d.ts || \
		{ echo "frontend/src/api/schema.d.ts is not what the API says: run make types" >&2; exit 1; }

types: $(DEV_STAMP) $(MODULES_STAMP)
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file $(VENV)/schema.yaml
	$(OPENAPI_TYPESCRIPT) $(VENV)/schema.yaml -o frontend/src/api/schema.d.ts

format: $(DEV_STAMP) $(MODULES_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

frontend: $(DIST_STAMP)

requirements:
	@command -v uv >/dev/null || { echo "make requirements needs uv: pip install uv" >&2; exit 1; }
	@for set in run build s3 dev; do \
		echo "requirements/$$set.txt"; \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-header requirements/$$set.in -o requirements/$$set.txt || exit 1; \
	done

clean:
	rm -rf $(VENV) frontend/node_modules frontend/dist

# A virtual environment of another Python, or half of one, is made again.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "Bastion needs Python 3.11 or later, and there is no $(PYTHON). Set PYTHON=…, e.g. make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Bastion needs Python 3.11 or later; $(PYTHON) is `$(PYTHON) -V 2>&1`. Set PYTHON=…, e.g. make run PYTHON=python3.12" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV) …"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) >$(VENV).log 2>&1 || { rm -rf $(VENV); \
		{ command -v uv >/dev/null && uv venv --quiet --seed --python $(PYTHON) $(VENV); } || { rm -rf $(VENV) $(VENV).log; \
		echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }; }
	@rm -f $(VENV).log

# uv is quicker where it is, but has settings of its own; plain pip does the same with the same hashes.
define install
	@echo "Installing Python packages from $< (a minute or two the first time) …"
	@{ command -v uv >/dev/null && \
		uv pip install --python $(BIN)/python --only-binary :all: --require-hashes -r $<; } || \
		$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
			--only-binary :all: --require-hashes -r $<
	@touch $@
endef

$(RUN_STAMP): requirements/run.txt | $(BIN)/python
	$(install)

$(DEV_STAMP): requirements/dev.txt | $(BIN)/python
	$(install)

$(BUILD_STAMP): requirements/build.txt | $(BIN)/python
	$(install)

$(MODULES_STAMP): frontend/package-lock.json | $(BUILD_STAMP)
	@echo "Installing frontend packages …"
	@$(NPM) ci --loglevel=error
	@touch $@

$(DIST_STAMP): $(FRONTEND_SOURCES) $(MODULES_STAMP)
	@echo "Building the frontend …"
	@$(NPM) run --silent build
	@touch $@
