# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT

# Every command does its own set-up, in .venv and .cache of this folder, and needs Python 3.11 or newer and
# make. The first time it takes a minute or so, after that no time worth mentioning.

VENV := .venv/bin

.PHONY: help demo test check vm browser bench docs clean

help:
	@echo "make demo   updates on this machine: good, forged, bad and the way back, good again"
	@echo "make test   linter, formatter and all tests"
	@echo "make check  linter and formatter alone"
	@echo "make bench  measure memory and speed"
	@echo "make docs   build the documentation into docs/_build/html"
	@echo "make clean  remove everything that these commands made"

demo:
	@sh scripts/venv.sh demo
	@$(VENV)/nerveshub-link demo

# In two processes; the tests of one file stay together, since they share what was made for them.
test: check vm browser
	$(VENV)/python -m pytest -n 2 --dist loadfile

check:
	@sh scripts/venv.sh demo test
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

# The tests that need the VM or a browser say themselves what is missing, so a failure here ends nothing.
vm:
	@sh scripts/micropython.sh > /dev/null || true
	@sh scripts/micropython.sh 32 > /dev/null || true

browser:
	@sh scripts/chromium.sh > /dev/null || true
	@sh scripts/node.sh > /dev/null || true

bench: vm
	@sh scripts/venv.sh demo test
	$(VENV)/python -m bench

docs:
	@sh scripts/venv.sh docs
	$(VENV)/sphinx-build -E -W -b html docs docs/_build/html

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis build dist bundles docs/_build *.egg-info tools/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
