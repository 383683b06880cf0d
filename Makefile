# A fresh machine with Python 3.11 or later needs nothing else: every target makes .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test slow bench check compiled reference validity docs golden golden-refresh clean

run: $(READY)  ## the default world and its twin with the loop cut; says where the report lies
	$(BIN)/marketplace run amazon --twin

test: $(READY)  ## style, types and the fast tests
	$(MAKE) -j 2 check compiled
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

slow: $(READY)  ## the statistical suites and large worlds
	$(BIN)/python -m pytest -q -m slow

bench: $(READY)  ## speed against plain Mesa and against C, in one run
	$(BIN)/python -m benchmarks.speed

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

compiled: $(READY)  ## compile the loops, which a run, or else each of two test workers, would do
	$(BIN)/python -m marketplace.compiling

reference: $(READY)  ## make anew what results/reference/ holds
	$(BIN)/python -m experiments.reference
	$(MAKE) validity

validity: $(READY)  ## hold both worlds against theory and facts, and make docs/validity.md anew
	$(BIN)/python -m pytest -q -n 2 tests/theory -m "slow or not slow" --deviations results/reference/theory.json
	$(BIN)/python -m experiments.validity

docs: $(READY)  ## make anew the tables of docs/odd.md
	$(BIN)/python -m experiments.odd

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt -e '.[test]'
	-$(BIN)/python -m compileall -q -q -j 0 -x '/tests?/' $(VENV)/lib  # pip would do it on one processor
	touch $(READY)

golden: $(READY)  ## compare the shipped scenarios with their baseline
	$(BIN)/python -m experiments.golden

golden-refresh: $(READY)  ## write the baseline anew, when results were meant to change
	$(BIN)/python -m experiments.golden --refresh

clean:
	rm -rf $(VENV) build *.egg-info
