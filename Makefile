# Two commands do everything: `make serve` and `make test`. Both install what they need, once.
PYTHON ?= python3
# Passed to pip, for instance to take PyTorch's CPU build from PyTorch's own index.
PIP_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
COMMA := ,
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_FLAGS)

# Only from make's own command line: an environment's HOST is another's, and SHARPEN_HOST is ours.
SERVE_OPTIONS = $(if $(filter command,$(origin HOST)),--host '$(HOST)') \
	$(if $(filter command,$(origin PORT)),--port '$(PORT)')

.PHONY: serve test bench check format results install-trainer install-ray clean

# With PyTorch where there is an NVIDIA GPU for it to run on; without one OpenVINO runs the networks.
serve: $(VENV)/.installed-$(if $(shell command -v nvidia-smi),service-on-gpu,service) node_modules/.installed
	$(BIN)/python -m service $(SERVE_OPTIONS)

test: $(VENV)/.installed-dev node_modules/.installed
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# How fast, beside what else there is: make bench [DATA=FOLDER OF TEST SETS] [LUMINOUS=FILE]
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.engine --output build/bench $(if $(DATA),--data '$(DATA)') \
		$(if $(LUMINOUS),--luminous '$(LUMINOUS)')
	$(BIN)/python -m benchmarks.service --clients 1 4 --litserve

# Every figure of weights/README.md, from the shipped files: make results DATA=FOLDER OF TEST SETS.
# LUMINOUS=FILE, the published weights of `luminous-student`, adds its row.
results: $(VENV)/.installed-dev
	@test -d '$(DATA)' || { echo "name the folder of the test sets: make results DATA=FOLDER" >&2; exit 1; }
	$(BIN)/python -m benchmarks.quality weights/paper-*.safetensors --data '$(DATA)' --self-ensemble \
		$(if $(LUMINOUS),--luminous '$(LUMINOUS)')
	$(BIN)/python -m benchmarks.call weights/call-*.safetensors weights/paper-student.safetensors \
		--data '$(DATA)' --pictures 16
	for each in weights/*.safetensors; do \
		$(BIN)/python -m trainer export "$$each" --output build/results --judge '$(DATA)' || exit 1; \
	done
	cat build/results/README.md

install-trainer: $(VENV)/.installed-trainer

install-ray: $(VENV)/.installed-ray

clean:
	rm -rf $(VENV) node_modules service/page/runtime build *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old: CPython 3.11 or newer is needed; name one by PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# What is installed besides the core; an editable install, so that the code runs as it stands here.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[$(subst service-on-gpu,service$(COMMA)torch,$*)]'
	@touch $@

# What runs the student inside the page. Without npm, or where it fails, the page does without and says so.
node_modules/.installed: package.json package-lock.json
	@if command -v npm >/dev/null && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error \
		&& npm run --silent runtime; then touch $@; \
	else echo "npm could not install what runs networks in the browser: the page runs them on the server only"; fi
