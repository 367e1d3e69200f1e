# The commands of the README are `make demo`, `make portal` and `make test`. Each does all of its own set-up.
PYTHON ?=
PORT ?= 8088
DATABASE ?=
SOURCE ?= bulk
SCHEMA ?=
BIN := .venv/bin
COMPILE := $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.10 --no-header --no-emit-index-url --no-emit-find-links

.PHONY: help venv dev demo stack portal test soak lint format docs bench load defences snapshots bundles requirements clean

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

venv:  ## Build .venv from the pinned requirements.
	@PYTHON="$(PYTHON)" scripts/venv.sh demo

dev:  ## The same with what the tests and checks need.
	@PYTHON="$(PYTHON)" scripts/venv.sh dev

demo: venv  ## Serve the dashboard with a year of made-up data, or over DATABASE=file.duckdb, on 127.0.0.1:$(PORT).
	@$(BIN)/python -m demo --port $(PORT) $(if $(DATABASE),--database "$(DATABASE)" --source "$(SOURCE)") $(if $(SCHEMA),--schema "$(SCHEMA)")

stack: venv  ## The same as in production: PostgreSQL, Redis, workers, on 127.0.0.1:$(PORT).
	@scripts/system.sh stack
	@$(BIN)/python -m stack --port $(PORT)

portal: venv  ## The stack with a sample portal that embeds the dashboard, on the port after $(PORT).
	@scripts/system.sh portal
	@$(BIN)/python -m stack --portal --port $(PORT)

test: dev  ## Install what the tests need, then check and test everything.
	@scripts/system.sh
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: dev  ## The long runs: every test on every engine, more rounds, releases of Superset and Python, flags (six hours).
	@scripts/system.sh
	@ROUNDS=200 VERSIONS=all FLAGS=apart $(BIN)/python -m pytest tests/soundness/test_refresh.py \
		tests/soundness/test_beside_others.py tests/engines/test_types.py tests/engines/test_full_disk.py tests/unit/test_pull_activities.py \
		tests/soundness/test_reconcile.py \
		tests/unit/test_bundle.py tests/superset/test_stock.py tests/superset/test_door.py tests/superset/test_upgrades.py tests/superset/test_versions.py \
		tests/superset/test_flags.py tests/browser/test_saved_unchanged.py $(ARGS)
	@$(BIN)/python -m pytest tests/engines tests/soundness --all-engines $(ARGS)
	@$(BIN)/python -m pytest tests/browser/test_on_other_engines.py --all-on-spark $(ARGS)
	@$(BIN)/python -m uv venv --quiet --allow-existing .venvs/fakesnow
	@$(BIN)/python -m uv pip install --quiet --python .venvs/fakesnow/bin/python -r requirements/fakesnow.in -e .
	@PYTHONPATH=tests .venvs/fakesnow/bin/python -m pytest --noconftest tests/engines/test_snowflake.py

lint: dev  ## Style, format and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint --failure-threshold warning docker/Dockerfile docker/portal/Dockerfile

format: dev  ## Put the code into its format.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: venv  ## Write docs/metrics.md from datasets/, and the list in docs/superset-versions.md.
	@$(BIN)/python scripts/metrics_page.py
	@$(BIN)/python -m scripts.superset_page

bench: dev  ## Measure everything, and write benchmarks/README.md (a good half hour, 20 GB of disk).
	@scripts/system.sh
	@$(BIN)/python -m benchmarks.measure $(ARGS)

load: dev  ## Measure many people at once, and faults under them, and write benchmarks/README.md (a quarter of an hour).
	@scripts/system.sh
	@$(BIN)/python -m benchmarks.load $(ARGS)

defences: dev  ## Take each defence of tests/defences.yaml out and show that its test fails (half an hour).
	@$(BIN)/python -m scripts.defences $(ARGS)

snapshots: dev  ## Write tests/snapshots/, the SQL for engines that no test can run.
	@PYTHONPATH=.:tests $(BIN)/python -m snapshot

bundles: venv  ## Write dist/bundles/, a ZIP for each loader layout and SQL engine, for a release.
	@$(BIN)/python -m scripts.bundles

requirements: dev  ## Compile requirements/*.in.
	@$(COMPILE) requirements/demo.in -o requirements/demo.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(BIN)/python scripts/constraints.py
	@$(COMPILE) requirements/demo.in --override requirements/superset-6.0.in -o requirements/superset-6.0.txt

clean:  ## Remove the environments and the data of demo and stack.
	@rm -rf "$$(readlink -f .stack/postgresql 2>/dev/null)" .stack
	@rm -rf .venv .venvs .demo build dist docker/portal/node_modules docker/portal/vendor
