# `make demo` and `make test` need nothing but make and Python (the versions are in settings.ini). `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LIGHT  := @$(PYTHON) tools/environment.py light --venv "$(VENV)"
SITE   := @$(PYTHON) tools/environment.py site --venv "$(VENV)"
FULL   := @$(PYTHON) tools/environment.py full --venv "$(VENV)"
# Code compiled by numba is kept, so that it is compiled once and not once a process
export NUMBA_CACHE_DIR ?= $(abspath $(VENV))/numba

.PHONY: help demo test notebooks pytest lowest export execute readme studies site bench bench-folder bench-gpu bench-scale dist clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Cluster the handwritten digits and write a report (light install)
	$(LIGHT)
	@$(BIN)/clustering-nb run digits --recipe pca:50+umap:10+gmm:10 --out runs/demo

test: ## Run all notebooks and all other tests (full install); ONLY='names' for some of them
	$(FULL)
	@$(BIN)/python tools/test.py $(ONLY)

notebooks: ## Run the notebooks only
	$(FULL)
	@$(BIN)/python tools/test.py --only notebooks

pytest: ## Run the other tests only
	$(FULL)
	@$(BIN)/python tools/test.py --only pytest

lowest: ## Test with the lowest versions that settings.ini allows (an environment of its own)
	@$(PYTHON) tools/lowest.py

export: ## Write clustering_nb/ from the notebooks, and clean them
	$(FULL)
	@$(BIN)/nbdev_export && $(BIN)/nbdev_clean

execute: ## Run library notebooks, pages and how-tos, and store their outputs
	$(FULL)
	@$(BIN)/python tools/execute.py $(or $(ONLY),nbs/*.ipynb nbs/howto/*.ipynb)
	@$(BIN)/python tools/readme.py

readme: ## Write README.md from the home page, nbs/index.ipynb
	@$(PYTHON) tools/readme.py

studies: ## Run what is stale of the studies in full, then the pages of results (hours; an interrupted one goes on where it was)
	$(FULL)
	@$(BIN)/python tools/studies.py $(ONLY)
	@$(BIN)/python tools/readme.py

site: ## Render the website into _site/ (by Quarto where it is installed)
	$(SITE)
	@$(BIN)/python tools/site.py

bench: ## Compare time and memory with the plain way, in one run
	$(FULL)
	@$(BIN)/python benchmarks/bench.py

bench-folder: ## Time and memory of large folders of photos
	$(FULL)
	@$(BIN)/python benchmarks/folder.py

bench-gpu: ## Compare a graphics card with the processor beside it, in one run
	$(FULL)
	@$(BIN)/python benchmarks/gpu.py

bench-scale: ## Time and memory of up to a million vectors, and of 100 000 files with one worker and two
	$(FULL)
	@$(BIN)/python benchmarks/scale.py

dist: ## Build wheel and sdist
	$(FULL)
	@$(BIN)/python -m build

clean: ## Remove all that was built, the environment included; runs stay
	rm -rf _site _proc build dist *.egg-info .venv-lowest .pytest_cache assets/plotly.min.js
	@if grep -qs '"made_here": true' "$(VENV)/stamp.json"; then echo rm -rf "$(VENV)"; rm -rf "$(VENV)"; fi
