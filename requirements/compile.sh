#!/bin/sh
# Compile the pinned requirements from pyproject.toml: versions and hashes, no addresses.
# Run by `make lock`; pass --upgrade to take newer versions.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --generate-hashes --no-header "$@" pyproject.toml; }
compile "$@" --extra ops --extra dev --output-file requirements/dev.txt
compile --constraint requirements/dev.txt --extra ops --output-file requirements/ops.txt
compile --constraint requirements/dev.txt --output-file layers/imaging/requirements.txt
# The checks pin older versions of what Darkroom itself uses, so they get an environment of their own.
uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 "$@" \
  --output-file requirements/checks.txt requirements/checks.in
