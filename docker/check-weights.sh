#!/bin/sh
# Holds the files of a weights folder against the SHA-256 that its README.md lists, which `python -m trainer export`
# writes there: `docker/check-weights.sh weights`. A file that is missing, changed or not listed is an error.
set -eu
cd "$1"

sums=$(sed -n 's/^| `\([^`]*\)` | [0-9,]* | `\([0-9a-f]\{64\}\)` |$/\2  \1/p' README.md)
echo "$sums" | sha256sum --check --strict
for file in *.safetensors; do
    echo "$sums" | grep -qF "  $file" || { echo "$file is not listed in README.md" >&2; exit 1; }
done
