# Two commands do everything: `make up` runs AgentAI here, `make test` checks it.
# Both set up what is missing first; when nothing changed that costs a fraction of a second.
.DEFAULT_GOAL := help
.PHONY: help up voice test lint lock wheels bench chaos security autonomy eval doctor clean venv dev engine image
SHELL := /bin/bash
bin := .venv/bin

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

venv:
	@scripts/venv.sh

dev: venv
	@scripts/venv.sh dev

engine: venv
	@scripts/engine.sh

image: engine
	@$(bin)/agentai image

voice: venv
	@scripts/voice.sh

up: image voice ## set up what is missing, then run AgentAI in the foreground
	@exec $(bin)/agentai up

test: dev ## set up what is missing, then lint, check types and run every test
	@scripts/test.sh

lint: dev ## style, types and layers
	@scripts/lint.sh

lock: dev ## write both lock files anew from pyproject.toml
	@scripts/lock.sh

wheels: venv ## download what the service image needs, so that it builds without a package index
	@scripts/wheels.sh

bench: dev image ## measure, and write docs/benchmarks.md
	@$(bin)/python -m bench

chaos: dev image ## kill parts at random, 200 rounds
	@$(bin)/python -m bench.chaos

security: dev image ## attack it: every figure of docs/security.md; suites="agentdojo egress" runs some
	@$(bin)/python -m bench.security $(suites)

autonomy: dev image ## what heartbeat, schedules and skills cost, and whether skills stay inside their manifests
	@$(bin)/python -m bench.autonomy
	@$(bin)/python -m bench.skills

eval: dev image ## recall and speed of memory, documents and context; says so where public data is missing
	@for part in memory knowledge context; do $(bin)/python -m bench.$$part || failed=1; done; exit $${failed:-0}

doctor: venv ## check every part and say how to mend it
	@$(bin)/agentai doctor

clean: ## remove what was built; the instance in .agentai stays
	@rm -rf .venv .build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
