# `make` or `make help` lists the commands. Each can be run again after an interruption.
.DEFAULT_GOAL := help
.PHONY: help book check test verify execute chapter lab study bench format wheel lowest clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
# Windows' own layout is different; there, use the lines without make in the README.
BIN := $(VENV)/bin
# An index to take torch from, such as https://download.pytorch.org/whl/cpu; empty: the platform's default build.
TORCH_INDEX ?=

# What every chapter, check and page needs. What some chapters need besides, their part's packages and their data, is
# fetched when they run: for those that are not current by `make book`, for all by `make test`.
$(VENV)/ready: requirements/notebooks.txt requirements/tools.txt requirements/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@echo "Setting up $(VENV): about 1.7 GB, a few minutes the first time"
	@date +%s > .setup-began
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_INDEX)" || $(BIN)/pip install --disable-pip-version-check --index-url $(TORCH_INDEX) $$(grep ^torch== requirements/notebooks.txt)
	@$(BIN)/pip install --disable-pip-version-check -r requirements/tools.txt
	@$(BIN)/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@echo "Set up in $$(( $$(date +%s) - $$(cat .setup-began) )) s"; rm .setup-began
	@touch $@

# The packages of all parts and all data: the tests compare with them and run every chapter.
$(VENV)/all: $(VENV)/ready $(wildcard requirements/part*.txt) data/registry.toml
	@echo "The tests need the packages of every part and all data sets; what is missing is fetched and listed"
	@$(BIN)/python -m tools.needs --all
	@touch $@

book: $(VENV)/ready  ## execute what is not current, render the book to _build/html/index.html
	@$(BIN)/python -m tools.execute --stale
	@$(BIN)/python -m tools.render

# What CI checks, in the parts that it runs side by side; a test sees to it that no test file is in none of them.
PARTS := library book notebooks
PATHS_library := tests/library tests/parity tests/gpu
PATHS_book := tests/book tests/tools tests/test_*.py
PATHS_notebooks := tests/notebooks notebooks
PATHS_ := tests notebooks

check: $(VENV)/ready  ## check one chapter in seconds: make check CH=05_project/pretraining
	@test -n "$(CH)" || { echo "Name a chapter: make check CH=05_project/pretraining"; exit 2; }
	@$(BIN)/python -m tools.check $(CH)

test: $(VENV)/all  ## run everything that CI checks, or a part of it: make test PART=library, book or notebooks
	@test -n "$(PATHS_$(PART))" || { echo "No part $(PART). There are: $(PARTS)"; exit 2; }
	@echo "Testing $(if $(PART),the part $(PART) of $(PARTS),$(PARTS); one of them: make test PART=library)"
	@LARGEMODELS_SCALE=smoke OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PATHS_$(PART)) \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=300 -n $$($(BIN)/python -c 'import os; print(os.cpu_count())') --dist loadfile $(STORE)

verify: $(VENV)/ready  ## see whether changed code still gives the same numbers: make verify [NAME=…] [SEED=…] [RERUN=1]
	@$(BIN)/python -m tools.verify $(NAME) $(if $(SEED),--seed $(SEED)) $(if $(RERUN),--rerun)

execute: $(VENV)/ready  ## execute every chapter from nothing at laptop scale
	@$(BIN)/python -m tools.execute --all

chapter: $(VENV)/ready  ## execute and render one chapter: make chapter CH=05_project/pretraining
	@test -n "$(CH)" || { echo "Name a chapter: make chapter CH=05_project/pretraining"; exit 2; }
	@$(BIN)/python -m tools.execute $(CH)
	@$(BIN)/python -m tools.render

lab: $(VENV)/ready  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

study: $(VENV)/ready  ## run a chapter's study: make study NAME=05_project/pretraining
	@test -f "notebooks/$(NAME)_study.py" || { echo "No study notebooks/$(NAME)_study.py. There are: $$(cd notebooks && ls */*_study.py | sed 's/_study.py//' | tr '\n' ' ')"; exit 2; }
	@$(BIN)/python -m tools.needs $(NAME)
	@$(BIN)/python notebooks/$(NAME)_study.py

bench: $(VENV)/all  ## measure speed against named rivals (minutes, never part of the tests)
	@$(BIN)/python -m tests.benchmarks

format: $(VENV)/ready  ## format and lint code and notebooks
	@$(BIN)/ruff format -q --extend-exclude '*.ipynb' . && $(BIN)/ruff check -q --fix --extend-exclude '*.ipynb' .
	@$(BIN)/python -m tools.notebooks
	@$(BIN)/python -m tools.contents

wheel: $(VENV)/ready  ## build the library's wheel into dist/
	@$(BIN)/pip wheel --disable-pip-version-check -q --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

lowest: $(VENV)/all  ## run the library's tests with the oldest packages that pyproject.toml allows
	@$(BIN)/python -m tools.lowest $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

clean:  ## remove the built book and the environment; sources, records and studies stay
	rm -rf _build dist book/generated $(VENV)

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
