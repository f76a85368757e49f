# Two commands do everything: `make serve` and `make test`. Both install what they need, once.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# Passed to pip, for instance to take PyTorch's CPU build from PyTorch's own index.
PIP_FLAGS ?=
# The newest PyTorch that the tests have seen; a range would admit builds with gigabytes of CUDA.
TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)

.PHONY: serve test check format install-trainer clean

serve: $(VENV)/.installed-service
	$(BIN)/python -m service serve --host $(HOST) --port $(PORT)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install-trainer: $(VENV)/.installed-trainer

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.installed-torch: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	@touch $@

$(VENV)/.installed-service: $(VENV)/.installed-torch
	$(PIP) --editable '.[service]'
	@touch $@

$(VENV)/.installed-trainer: $(VENV)/.installed-torch
	$(PIP) --editable '.[trainer]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-service
	$(PIP) --editable '.[dev]'
	@touch $@
