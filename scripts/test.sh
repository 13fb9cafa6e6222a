#!/usr/bin/env bash
# test.sh [pytest option…]: lint, then every test. Needs the dev environment (`make test` makes it first).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"
mkdir -p .build

# The playground's page is tested in a real browser.
if ! command -v chromium >/dev/null && has_apt; then
    say "test: installing chromium from the distribution's packages"
    apt_install chromium
fi
# Voice notes in tests are spoken by it.
if ! command -v flite >/dev/null && has_apt; then
    say "test: installing flite from the distribution's packages"
    apt_install flite
fi
scripts/engine.sh
# Packages are downloaded and unpacked while the code is read.
"$venv/bin/agentai" image all >.build/images.log 2>&1 &
images=$! failed=0
scripts/lint.sh || failed=1
wait "$images" || failed=1
cat .build/images.log
[ "$failed" -eq 0 ] || exit 1
export AGENTAI_PREPARE_BOXES=off # they are there

# Tests wait for containers and processes more than they compute: one more than there are cores.
workers=$(($(nproc) + 1))
workers=$((workers < 2 ? 2 : workers > 4 ? 4 : workers))
say "test: pytest on $workers workers"
# A worker that has run out of tests takes from the other, so that neither waits at the end.
exec "$venv/bin/pytest" -n "$workers" --dist worksteal "$@"
