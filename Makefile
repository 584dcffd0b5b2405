# What people type, and what CI calls. Every target sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test test-fast test-long test-crm lint bench serve site tour lock clean
.DEFAULT_GOAL := demo

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("churn needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

# The locked set is installed first with hashes, and without deps: a lock names every package, and pip 23 takes
# `pandas[parquet]` in a package's metadata for something that the lock does not pin. The package itself comes after it.
$(VENV)/.run: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing the locked dependencies (a minute or three)..."
	@test -f $(VENV)/.dev || $(PIP) --no-deps --require-hashes -r requirements.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	@echo "Installing the locked dependencies and test tools (a minute or three)..."
	@$(PIP) --no-deps --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --editable .
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## the whole loop on a simulated company
	@$(BIN)/churn demo

test: $(VENV)/.dev  ## the tests, but for the long ones
	@$(BIN)/python -m pytest -m "not long"

test-long: $(VENV)/.dev  ## stories of killed processes, clusters, servers, browsers, notebooks, an installed wheel, trainings
	@$(BIN)/python -m pytest -m long

test-fast: $(VENV)/.dev  ## the tests that need no company, warehouse, trained model, server, browser, process, many pushes or much arithmetic
	@$(BIN)/python -m pytest -m "not slow"

test-crm: $(VENV)/.dev  ## churn sync against a real Odoo 14, which it builds first (root; about 1 GB, kept in the cache)
	@$(BIN)/python -m pytest tests/odoo -n 0 --timeout 900

lint: $(VENV)/.dev  ## style, types, layers, SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

# The references need older libraries than we do, so the bench has an environment of its own.
bench:  ## measure against the references; writes benchmarks/results.json and docs/performance.md
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r benchmarks/requirements.lock
	@$(VENV)-bench/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --editable .
	@$(VENV)-bench/bin/python -m benchmarks

serve: $(VENV)/.run  ## serve API and pages on http://127.0.0.1:8000, and work the jobs beside
	@$(BIN)/churn serve --with-scheduler

site: $(VENV)/.dev  ## the documentation as a site with search, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file deploy/site/mkdocs.yml
	@echo "Serve build/site, or try it: $(BIN)/python -m http.server --directory build/site 8001"

tour: $(VENV)/.dev  ## the moving picture of README, from the demo in .churn
	@$(BIN)/python deploy/site/tour.py

lock: $(VENV)/.dev  ## refresh the locked dependency sets
	@$(PIP) uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --quiet --extra excel --extra lake --extra mlflow --extra mysql --extra postgres --extra s3 --extra sftp --extra sso --extra tracing pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --quiet --extra excel --extra lake --extra mlflow --extra mysql --extra postgres --extra s3 --extra sftp --extra sso --extra tracing --extra spark --group dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --quiet --extra excel --extra lake --extra mlflow --extra mysql --extra postgres --extra s3 --extra sftp --extra sso --extra tracing --extra spark --group bench pyproject.toml -o benchmarks/requirements.lock

clean:
	rm -rf $(VENV) $(VENV)-bench .churn
