#!/usr/bin/env bash
# lock.sh: resolves pyproject.toml into the two lock files, with hashes and without any address.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
    --no-annotate --no-header --quiet "$@")
if [ ! -x .build/uv/bin/uv ]; then
    "$python" -m venv .build/uv
    .build/uv/bin/pip install --quiet --disable-pip-version-check uv
fi
# Versions that are locked already stay, unless an option such as --upgrade says otherwise.
say "lock: resolving what runs"
.build/uv/bin/uv pip compile pyproject.toml requirements.in "${options[@]}" -o requirements.lock
say "lock: resolving what tests and checks need on top"
.build/uv/bin/uv pip compile pyproject.toml requirements.in --group dev -c requirements.lock "${options[@]}" \
    -o requirements-dev.lock
