# A machine needs Python 3.11 or later with venv, git 2.30 or later, and make; everything else goes into .venv.
# tools/prerequisites looks for them, and says what is missing before anything is installed.
PYTHON ?= $(shell tools/prerequisites find)
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for a server or for a clock: twice as many workers as processors keep the processors busy.
JOBS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# How a set of extras gets into .venv, and what was typed: for the hint where that cannot be.
INSTALL ?= $(BIN)/python -m pip install --quiet --disable-pip-version-check
TYPED := make $(MAKECMDGOALS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-all check traps bench docs clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp per set of extras; a changed pyproject.toml installs again.
$(VENV)/.python:
	@tools/prerequisites check "$(PYTHON)" $(TYPED)
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.extra-%: $(VENV)/.python pyproject.toml
	@tools/prerequisites venv $(BIN)/python $(TYPED)
	@echo "==> installing sahel-nb[$*] into $(VENV) (a minute the first time)"
	@$(INSTALL) --editable '.[$*]'
	@$(BIN)/python -m compileall -q sahel_nb
	@touch $@

demo: $(VENV)/.extra-demo ## the whole story: two people, one kernel, the embedded service, no account
	@$(BIN)/sahel-nb demo $(DEMO)

# What `make check` has installed is enough for the tests.
test: $(or $(wildcard $(VENV)/.extra-dev),$(VENV)/.extra-test) ## every test, on real git and the real kaggle client
	@echo "==> running the tests"
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(T)

# On the oldest Python that is found: old versions have no wheels for the newest ones.
test-lowest: $(VENV)/.extra-dev ## every test, with the lowest versions that pyproject.toml allows
	@$(MAKE) --no-print-directory test VENV=.venv-lowest PYTHON="$$(tools/prerequisites all | head -n 1)" \
	  INSTALL="$(CURDIR)/$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct"

test-all: ## every test, on each Python from 3.11 to 3.14 that is found
	@for python in $$(tools/prerequisites all); do \
	  $(MAKE) --no-print-directory test VENV=.venv-$${python##*/python} PYTHON=$$python || exit; done

check: $(VENV)/.extra-dev ## ruff, mypy --strict, the import contracts, and whether what is imported is declared
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy" && $(BIN)/mypy
	@echo "==> import contracts" && $(BIN)/lint-imports
	@echo "==> declared dependencies" && $(BIN)/deptry --no-ansi . && $(BIN)/python -m pip check

traps: $(VENV)/.extra-test ## which traps each version of Kaggle's client is in; gates nothing
	@$(BIN)/python -m tests.traps $(VERSIONS)

bench: $(VENV)/.extra-test ## measure everything beside its peers, a quarter of an hour, into docs/benchmarks.md
	@$(BIN)/python -m tests.bench.peers
	@$(BIN)/python -m tests.bench $(BENCH)

docs: $(VENV)/.extra-demo ## regenerate docs/reference from the code, and redraw the session of the README
	@$(BIN)/python docs/generate.py && $(BIN)/python docs/session.py

clean: ## forget the environments and caches
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
