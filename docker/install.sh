#!/bin/sh
# Installs what some extras of pyproject.toml need, into the Python that is called `python`, at the versions of
# constraints.txt: `docker/install.sh service`. Images are made by this script, and so are the virtual environments that
# test them. PIP_FLAGS is passed on to pip.
set -eu
cd "$(dirname "$0")/.."

requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
python - "$@" > "$requirements" <<'PYTHON'
import re
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
own = re.compile(rf"{project['name']}\[([^]]*)\]")


def list_requirements(lines):
    for line in lines:
        if extras := own.fullmatch(line):
            for extra in extras[1].split(","):
                yield from list_requirements(project["optional-dependencies"][extra.strip()])
        else:
            yield line


wanted = [*project["dependencies"], f"{project['name']}[{','.join(sys.argv[1:])}]"]
print(*list_requirements(wanted), sep="\n")
PYTHON

# shellcheck disable=SC2086 # several flags are several words
python -m pip install --disable-pip-version-check --constraint constraints.txt ${PIP_FLAGS:-} \
    --requirement "$requirements"
