#!/usr/bin/env bash
# lint.sh: style, formatting, types, and which package may import which.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"
bin="$venv/bin"

say "lint: style"
"$bin/ruff" check --quiet .
say "lint: formatting"
"$bin/ruff" format --quiet --check .
say "lint: types"
"$bin/mypy"
mkdir -p .build
say "lint: layers"
"$bin/lint-imports" --no-cache >"$root/.build/layers.txt" 2>&1 || { cat "$root/.build/layers.txt" >&2; exit 1; }
