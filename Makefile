# Two commands: `make chat` and `make test`. Each sets everything up at its first run, in .venv.
# Where pip's default PyTorch brings CUDA (several GB), name the index of PyTorch's CPU builds:
#   make chat PIP_EXTRA_INDEX_URL=…      PYTHON=python3.12 chooses another Python; ARGS=… is passed on.

PYTHON ?= python3
export PYTHON
BIN := .venv/bin
INSTALLED_BY := scripts/setup pyproject.toml constraints.txt

.PHONY: help chat run test check check-slack bench clean

help: ## say this
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

chat: .venv/ready-local ## talk in this terminal; needs no key and no token
	@$(BIN)/shoulders chat $(ARGS)

run: .venv/ready-local ## serve every platform that has a token
	@$(BIN)/shoulders run $(ARGS)

test: .venv/ready-dev ## every test
	@$(BIN)/pytest -n 2 $(ARGS)

check: .venv/ready-dev ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check-slack: .venv/ready-dev ## what is sent to Slack and by its stand-in, by Slack's own types; needs Node
	@scripts/check-slack $(RECORDS)

bench: .venv/ready-dev ## the README's table of figures
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what was set up; your data stays
	@rm -rf .venv

.venv/ready-local: $(INSTALLED_BY)
	@scripts/setup local
	@touch $@

.venv/ready-dev: $(INSTALLED_BY)
	@scripts/setup local,dev
	@touch .venv/ready-local $@
