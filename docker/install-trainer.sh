#!/bin/sh
# Installs what the trainer needs, into the Python that is called `python`: its requirements in pyproject.toml, at the
# versions of constraints.txt. The image is made by this script, and so is the virtual environment that tests it.
# PIP_FLAGS is passed on to pip.
set -eu
cd "$(dirname "$0")/.."

requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
python - > "$requirements" <<'PYTHON'
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*project["dependencies"], *project["optional-dependencies"]["trainer"], sep="\n")
PYTHON

# shellcheck disable=SC2086 # several flags are several words
python -m pip install --disable-pip-version-check --constraint constraints.txt ${PIP_FLAGS:-} \
    --requirement "$requirements"
python -c 'import torch; print("PyTorch", torch.__version__, "for CUDA", torch.version.cuda)'
