# A machine needs Python 3.11 or later with venv, git 2.30 or later, and make; everything else goes into .venv.
# The first interpreter that is new enough is taken, else python3 as it is.
PYTHON ?= $(or $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for a server or for a clock: twice as many workers as processors keep the processors busy.
JOBS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp per set of extras; a changed pyproject.toml installs again.
$(VENV)/.python:
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sahel-nb needs Python 3.11 or later")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.extra-%: $(VENV)/.python pyproject.toml
	@echo "==> installing sahel-nb[$*] into $(VENV) (a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@$(BIN)/python -m compileall -q sahel_nb
	@touch $@

demo: $(VENV)/.extra-demo ## the whole story: two people, one kernel, the embedded service, no account
	@$(BIN)/sahel-nb demo $(DEMO)

test: $(VENV)/.extra-test ## every test, on real git and the real kaggle client
	@echo "==> running the tests"
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(T)

check: $(VENV)/.extra-dev ## ruff, mypy --strict and the import contracts
	@echo "==> ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy" && $(BIN)/mypy
	@echo "==> import contracts" && $(BIN)/lint-imports

bench: $(VENV)/.extra-test ## measure everything beside its peers, a quarter of an hour, into docs/benchmarks.md
	@$(BIN)/python -m tests.bench.peers
	@$(BIN)/python -m tests.bench $(BENCH)

docs: $(VENV)/.extra-demo ## regenerate docs/reference from the code, and redraw the session of the README
	@$(BIN)/python docs/generate.py && $(BIN)/python docs/session.py

clean: ## forget .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
