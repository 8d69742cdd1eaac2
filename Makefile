# Everything a developer needs; `make help` lists it. Only a shell, make, git and one Python >= 3.11 must be there.
SHELL := /bin/sh
PYTEST := .venv/bin/pytest
LAB := tests/lab/lab
# Programs in Python whose names do not say so.
SCRIPTS = $(shell git grep --untracked -lE '^\#!.*python' -- tests ':!*.py')
# One worker more than cores (tests/conftest.py); more than four gain nothing, and each of them runs a control plane.
LANES := --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder
# What `make unit PYTEST_ARGS="-k selector"` and the like pass on.
PYTEST_ARGS ?=
BENCH_ARGS ?=
PROVE_ARGS ?=
PART ?=

# Hundreds of processes load the collection: without its byte code each of them would compile it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv format lint sanity unit integration molecule test prove ledger bench rights findings health matrix upgrades workloads stamp demo down clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## Build the tool environments .venv and .venv-new; does nothing when they are up to date
	@tests/tools/python tests/tools/venv.py

format: venv ## Format the Python code and sort its imports
	@.venv/bin/ruff check --select I --fix --quiet . $(SCRIPTS)
	@.venv/bin/ruff format . $(SCRIPTS)

lint: venv ## Check format, style, types and documentation
	@$(PYTEST) tests/suite/test_lint.py $(PYTEST_ARGS)

sanity: venv ## Run ansible-test sanity on the newest ansible-core
	@$(PYTEST) tests/suite/test_sanity.py $(PYTEST_ARGS)

unit: venv ## Run the unit tests
	@$(PYTEST) --numprocesses auto tests/unit $(PYTEST_ARGS)

integration: venv ## Run the integration tests on a kind cluster
	@$(PYTEST) tests/integration $(PYTEST_ARGS)

molecule: venv ## Run the molecule scenarios on kind clusters
	@$(PYTEST) tests/suite/test_molecule.py $(PYTEST_ARGS)

test: venv ledger ## Run all of the above in lanes: one has the clusters, the others share the rest
	@$(PYTEST) $(LANES) tests $(PYTEST_ARGS)

rights: venv ## Generate docs/rights from the modules
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.rights

findings: venv ## Generate docs/findings.md and its JSON schema from the catalogue of findings
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.findings
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.policies

matrix: venv ## Generate the tables of docs/isolation.md from the isolation matrix
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.matrix

workloads: venv ## Generate docs/runbooks.md, the table of docs/workloads.md and the dashboards from the catalogue of workloads
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.workloads
	@PYTHONPATH=.:.venv/collections .venv/bin/python -m tests.tools.dashboards

upgrades: venv ## Generate the table of docs/upgrades.md from the table of risks
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.upgrades

health: venv ## Generate the health checks of GitOps controllers in docs/files from the table of readiness
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.health

stamp: venv ## Write what a new capability needs outside of its folder, docs/rights and docs/team-fields.md
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.stamp
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.team_fields
	@PYTHONPATH=.venv/collections .venv/bin/python -m tests.tools.rights

prove: venv ## Run the long proofs of a part that have not passed yet: PART=truth; without PART list them
	@PYTHONPATH=.:tests/lab:.venv/collections .venv/bin/python -m tests.prove.main $(PART) $(PROVE_ARGS)

ledger: venv ## Mark in docs/proofs.md which proofs are stale
	@PYTHONPATH=.:tests/lab:.venv/collections .venv/bin/python -m tests.prove.main --write-page

bench: venv ## Measure speed against peers, and rules over many rounds, for hours; BENCH_ARGS names a part
	@.venv/bin/python -m tests.bench.main $(BENCH_ARGS)

demo: venv ## Create clusters hub and edge, install everything, show the edge's series on the hub, break a link and mend it
	@$(LAB) up hub edge
	@PYTHONPATH=.:.venv/collections .venv/bin/python tests/demo/demo.py

down: ## Remove the clusters of the demo and of the tests
	@$(LAB) down

clean: ## Remove the environments and what tools left behind
	rm -rf .venv .venv-new .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
