# cojump: `make demo` and `make test` do all set-up on a machine with Python 3.11, make and a C compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RANKS ?= 2
DEMO := mpi_runs/constrained

# One thread per rank: the ranks are the parallelism.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test tests-alone test-oldest test-slurm lint format bench bench-check bench-record validation docs clean clean-results

demo: $(READY)
	$(BIN)/mpiexec -n $(RANKS) $(BIN)/cojump run $(DEMO)/run.toml
	$(BIN)/cojump report $(DEMO)/results

# Both at once: while types are checked on one core, tests run on the other.
test: $(READY)
	@$(MAKE) --no-print-directory -j 2 lint tests-alone

# Byte code first: where Python may not write it (PYTHONDONTWRITEBYTECODE), each of some hundred processes would make it.
# numba paints each way to type an operation that it tries and drops; nobody sees that.
tests-alone: $(READY)
	$(BIN)/python -m compileall -q src
	NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING=1 $(BIN)/python -m pytest -n auto --dist loadscope

lint: $(READY)
	$(BIN)/ruff format --check src tests analysis docs/site
	$(BIN)/ruff check src tests analysis docs/site
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format src tests analysis docs/site
	$(BIN)/ruff check --fix src tests analysis docs/site

validation: $(READY)
	$(BIN)/python -m pytest -m validation -s

# The documentation as a site, build/site/index.html; a warning is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -f docs/site/mkdocs.yml
	@echo "build/site/index.html"

# The lower bounds of pyproject.toml are a promise: the physics, files and runs with exactly these versions (Python 3.11).
OLDEST := $(VENV)-oldest
NEEDS_MORE := --ignore tests/model/test_to_qutip.py --ignore tests/tools/test_export.py
test-oldest:
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python --resolution lowest-direct '.[mpich]'
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST)/bin/python hypothesis pytest pytest-timeout pytest-xdist
	$(OLDEST)/bin/python -m pytest -n auto --dist loadscope -W default $(NEEDS_MORE) \
		tests/model tests/basis tests/theory tests/trajectories tests/measure tests/results tests/storage

# A real Slurm on this machine (root, Debian): installed and started if need be, stopped at the end. Some minutes.
test-slurm: $(READY)
	tests/slurm/check.sh $(BIN)

# Times beside the arithmetic that they cannot avoid; under 5 minutes on two cores.
bench: $(READY)
	$(BIN)/python -m tests.benchmarks

# The ratios time / floor against those of the repository: fails where one is beyond the margin.
bench-check: $(READY)
	$(BIN)/python -m tests.benchmarks --check

# Writes the ratios into the repository, on a quiet machine.
bench-record: $(READY)
	$(BIN)/python -m tests.benchmarks --record

# Everything is installed once; a later run needs no network. Byte code is made on all cores, of which pip takes one; as
# for pip it is no error if a package has files that are no Python.
$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cojump needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev,mpich]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	touch $(READY)

# What can be made again from the sources. Results are no such thing: they have a target of their own.
clean:
	rm -rf $(VENV) $(VENV)-oldest build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Deletes computed results and the figures made of them; it lists them first and asks.
clean-results:
	@ls -d mpi_runs/*/results analysis/figures 2>/dev/null || { echo "there are no results"; exit 0; }; \
	printf 'delete these directories and all that is in them? [y/N] '; read answer; \
	[ "$$answer" = y ] && rm -rf mpi_runs/*/results analysis/figures || echo "nothing was deleted"
