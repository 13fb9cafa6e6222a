#!/usr/bin/env bash
# wheels.sh: downloads what the service image needs into .build/wheels, so that the image builds without an index.
#
# The image's Python may be older than this one (Debian 12 has 3.11.2). What only older ones need is taken along:
# pip judges such conditions by the Python it runs on, so they are removed from a copy of the lock.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

mkdir -p .build/wheels
sed -E "s/ ; python_full_version < '3\.11\.[0-9]+'//" requirements.lock >.build/requirements-image.lock
say "wheels: downloading what the service image needs"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --dest .build/wheels -r .build/requirements-image.lock
