#!/bin/sh
# Compile the pinned requirements from pyproject.toml: versions and hashes, no addresses.
# Run by `make lock`; pass --upgrade to take newer versions.
set -eu
cd "$(dirname "$0")/.."

# compile FILE SOURCE OPTION…: a file that stays the same keeps its time, so that make installs nothing.
compile() {
  file=$1 source=$2 before=$(mktemp)
  shift 2
  cp -p "$file" "$before"
  uv pip compile --quiet --universal --generate-hashes --no-header "$@" --output-file "$file" "$source"
  if cmp -s "$file" "$before"; then touch -r "$before" "$file"; fi
  rm "$before"
}

compile requirements/dev.txt pyproject.toml --extra ops --extra dev "$@"
compile requirements/ops.txt pyproject.toml --extra ops --constraint requirements/dev.txt
# A Mac needs no compiler for what runs, but of pyvips, which is Python without one.
for platform in aarch64-apple-darwin x86_64-apple-darwin; do
  uv pip install --dry-run --quiet --target build/wheels --python-platform $platform \
    --only-binary :all: --no-binary pyvips --requirement requirements/ops.txt
done
compile layers/darkroom/requirements.txt pyproject.toml --constraint requirements/dev.txt
# The checks pin older versions of what Darkroom itself uses, so they get an environment of their own.
compile requirements/checks.txt requirements/checks.in --python-version 3.11 "$@"
compile requirements/sam.txt requirements/sam.in --python-version 3.11 "$@"
compile requirements/aws.txt requirements/aws.in --python-version 3.11 "$@"
compile requirements/ministack.txt requirements/ministack.in --python-version 3.11 "$@"
