# Two commands do everything: `make serve` and `make test`. Both install what they need, once.
PYTHON ?= python3
# Passed to pip, for instance to take PyTorch's CPU build from PyTorch's own index.
PIP_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_FLAGS)

# Only from make's own command line: an environment's HOST is another's, and SHARPEN_HOST is ours.
SERVE_OPTIONS = $(if $(filter command,$(origin HOST)),--host '$(HOST)') \
	$(if $(filter command,$(origin PORT)),--port '$(PORT)')

.PHONY: serve test check format install-trainer clean

serve: $(VENV)/.installed-service
	$(BIN)/python -m service $(SERVE_OPTIONS)

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

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old: CPython 3.11 or newer is needed; name one by PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# What is installed besides the core; an editable install, so that the code runs as it stands here.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[$*]'
	@touch $@
