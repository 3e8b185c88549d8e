# The commands of the README and of the benchmarks. Each sets up what it needs: an environment in .venv, packages, weights.
#   make demo    install, pull weights and public reviews, one private run, verify it, show it
#                (WRITER=smollm2-135m: with a smaller writer under Apache-2.0 in place of Gemma)
#   make test    everything that must hold before a change goes in
#   make docs    the documentation as a site, in build/docs (open build/docs/index.html; it needs no network)
#   make wheel   the package in dist, for an index of packages or a machine without a network
#   make benchmark    methods side by side, in at most half an hour on two cores; make benchmark-full takes days
# Weights go where `rpsg models pull` puts them (RPSG_HOME moves that place). PYTHON chooses the interpreter.

PYTHON ?= python3
VENV   ?= .venv
# What the tests are installed with. Tests of an extra that is not here skip and say so: hf brings PyTorch,
# which is gigabytes unless its build for processors was installed first; pii brings spaCy. Of the tests on a Ray
# cluster the longest run only with: make test TESTS="-m cluster tests/engines"
EXTRAS ?= local,server,int8,static,vader,parquet,excel,verify,opendp,view,ray
# The writer of the demo. The default has terms of use, which are shown before it is brought.
WRITER ?= gemma-3-270m
# How many tests run at the same time; 0 runs them one after another, in this process.
WORKERS ?= auto
# More words for pytest, as in: make test TESTS="tests/stages -x"
TESTS  ?=
# Tests with Gemma's weights skip unless its terms of use are accepted: make test ACCEPT=gemma-3-270m
# (see them with: rpsg models pull gemma-3-270m).
ACCEPT ?=

# The terms of use of the default writer are accepted by naming it here, as for the tests.
AGREED = $(if $(filter gemma-3-270m,$(ACCEPT)),--accept-licence)

BIN     := $(VENV)/bin
PACKAGE := $(shell find src -type f -not -name '*.pyc') pyproject.toml README.md LICENSE
say      = printf '\n== %s\n' $(1)

.DEFAULT_GOAL := help
.PHONY: help demo docs reference wheel test lint pytest bench benchmark benchmark-full clean weights

help:
	@sed -n 's/^#   //p' Makefile; printf '%s\n' 'also: make lint, make pytest, make reference, make bench, make benchmark, make benchmark-full, make clean'

# -- environments: made once, brought up to date when the package changes ---------------------------------

$(VENV)/.made:
	@$(call say,"environment in $(VENV)")
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'RPSG needs Python 3.11 or newer. Choose one with: make PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo 'This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	@$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	@touch $@

# Installed as a user has it, not editable: so the package's own data files are what is tested and shown.
$(VENV)/.demo: $(VENV)/.made $(PACKAGE)
	@$(call say,"install rpsg with llama.cpp and onnxruntime (first time: about 150 MB)")
	@date +%s > $(VENV)/.started
	@$(BIN)/python -m pip install -qq '.[local]'
	@echo $$(( $$(date +%s) - $$(cat $(VENV)/.started) )) > $(VENV)/.seconds
	@touch $@

$(VENV)/.test: $(VENV)/.made $(PACKAGE)
	@$(call say,"install rpsg with $(EXTRAS) and the tools of development")
	@$(BIN)/python -m pip install -qq '.[$(EXTRAS)]' --group dev
	@touch $@ $(VENV)/.demo

# -- the two commands -------------------------------------------------------------------------------------

demo: $(VENV)/.demo
	@WRITER=$(WRITER) $(BIN)/python examples/demo/demo.py

test: lint pytest

lint: $(VENV)/.test
	@$(call say,"ruff")
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet || { $(call hint,"$(BIN)/ruff format && $(BIN)/ruff check"); }
	@$(call say,"mypy --strict")
	@$(BIN)/mypy || { $(call hint,"$(BIN)/mypy FILE"); }
	@$(call say,"no file above 1 MB")
	@git ls-files -z 2>/dev/null | xargs -0 -r stat -c '%s %n' | awk '$$1 > 1000000 { print; big = 1 } END { exit big }'
	@$(call say,"which floor imports which")
	@$(BIN)/lint-imports || { $(call hint,"$(BIN)/lint-imports"); }

weights: $(VENV)/.test
	@$(call say,"weights and public data (first time: about 410 MB)")
	@for name in smollm2-135m minilm-onnx minilm-torch e5-small amazon-reviews; do $(BIN)/rpsg models pull $$name || exit; done
	@for name in $(ACCEPT); do $(BIN)/rpsg models pull $$name --accept-licence || exit; done

pytest: weights
	@$(call say,"pytest")
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal --durations=5 $(TESTS) || { $(call hint,"make pytest TESTS='FILE::TEST'"); }

bench: $(VENV)/.test weights
	@for file in votes noise memory writer server evaluation; do \
	  $(call say,"benchmarks/$$file.py"); $(BIN)/python benchmarks/$$file.py || exit; done

# Methods side by side: at most half an hour on two cores. The same command resumes it.
# Gemma's terms of use have to be accepted: make benchmark ACCEPT=gemma-3-270m
benchmark: $(VENV)/.test weights
	@$(BIN)/rpsg models pull gemma-3-270m $(AGREED)
	@$(call say,"rpsg compare benchmarks/compare_quick.toml")
	@$(BIN)/rpsg compare benchmarks/compare_quick.toml -o runs/compare-quick

# The whole matrix and its audits, which take days. Two of its data sets are files that are named here:
#  make benchmark-full ABSTRACTS=abstracts.csv POSTS=posts.jsonl
benchmark-full: $(VENV)/.test weights
	@$(BIN)/rpsg models pull gemma-3-270m $(AGREED)
	@$(BIN)/python -m pip install -qq '.[local,hf,dpsgd]'
	@$(call say,"rpsg compare benchmarks/compare_full.toml")
	@$(BIN)/rpsg compare benchmarks/compare_full.toml -o runs/compare-full \
	  $(if $(ABSTRACTS),--data abstracts=$(ABSTRACTS)) $(if $(POSTS),--data posts=$(POSTS))
	@$(call say,"rpsg compare benchmarks/compare_audit.toml")
	@$(BIN)/rpsg compare benchmarks/compare_audit.toml -o runs/compare-audit

# What to type to see one failure alone.
hint = printf '\nFailed. Only this once more: %s\n' $(1); exit 1

# -- what others read and install -------------------------------------------------------------------------

# Every warning is an error: a link that leads nowhere, a page that the navigation does not show.
docs: $(VENV)/.made
	@$(call say,"documentation in build/docs")
	@$(BIN)/python -m pip install -qq --group docs
	@$(BIN)/sphinx-build -q -E -b html -W --keep-going -c docs . build/docs

# Pages and the table of options that follow from the commands, the settings and the docstrings of this checkout.
reference: $(VENV)/.made
	@PYTHONPATH=src $(BIN)/python -m docs.reference

# The same sources give the same bytes: dates within the archives are that of the last commit.
wheel: $(VENV)/.made
	@$(call say,"sdist and wheel in dist")
	@$(BIN)/python -m pip install -qq --group wheel
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1767225600) $(BIN)/python -m build --outdir dist
	@$(BIN)/twine check --strict dist/* && $(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf $(VENV) demo-run demo-run-* runs/demo-reviews.jsonl build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
