# Two commands: `make chat` and `make test`. The first run of each installs everything into .venv.
# If pip's default PyTorch includes CUDA (several GB), name the index of PyTorch's CPU builds:
#   make chat PIP_EXTRA_INDEX_URL=…      PYTHON=python3.12 selects another Python; ARGS=… goes to the program.

PYTHON ?= python3
export PYTHON
BIN := .venv/bin
INSTALLED_BY := scripts/setup pyproject.toml constraints.txt

.PHONY: help chat run test check check-slack bench clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

chat: .venv/ready-local ## talk to the bot in this terminal, without a key or a token
	@$(BIN)/shoulders chat $(ARGS)

run: .venv/ready-local ## serve every platform that has a token
	@$(BIN)/shoulders run $(ARGS)

test: .venv/ready-dev ## run every test
	@$(BIN)/pytest -n 2 $(ARGS)

check: .venv/ready-dev ## check format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check-slack: .venv/ready-dev ## check the tests' traffic with Slack against Slack's own types; needs Node 20
	@scripts/check-slack $(RECORDS)

bench: .venv/ready-dev ## measure the README's table of figures
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove .venv; your data stays
	@rm -rf .venv

.venv/ready-local: $(INSTALLED_BY)
	@scripts/setup local
	@touch $@

.venv/ready-dev: $(INSTALLED_BY)
	@scripts/setup local,dev
	@touch .venv/ready-local $@
