#!/usr/bin/env bash
# venv.sh [dev]: brings .venv to exactly what the lock file says. Costs a few milliseconds when nothing changed.
#
# A stamp in .venv holds the hash of the lock and of this script. The runtime lock is enough to run;
# `dev` takes the lock that adds the tools for tests and checks. Every download is checked against its hash.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

lock="$root/requirements.lock"
stamp="$venv/.agentai-runtime"
if [ "${1:-}" = dev ]; then
    lock="$root/requirements-dev.lock"
    stamp="$venv/.agentai-dev"
fi
want=$(cat "$lock" "$root/pyproject.toml" "${BASH_SOURCE[0]}" | sha256sum | cut -d ' ' -f 1)

is_current() {
    [ -x "$venv/bin/agentai" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3 python3.12 python3.13; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed: install it, or name it as PYTHON=/path/to/python3 make up"
}

# Debian's Python brings neither pip nor venv of its own; both come as the package python3-venv.
make_venv() {
    local base
    base=$(find_python)
    if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
        has_apt || fail "This Python has no venv module: install it (Debian and Ubuntu: apt install python3-venv)"
        say "venv: installing python3-venv from the distribution's packages"
        apt_install "$("$base" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    say "venv: making .venv with $base"
    rm -rf "$venv"
    "$base" -m venv "$venv"
}

is_current && exit 0
"$python" -c 'import pip' 2>/dev/null || make_venv
say "venv: installing $(grep -c '==' "$lock") packages from $(basename "$lock"), each checked by its hash (a minute or two)"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
"$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
    --config-settings editable_mode=compat -e "$root"
printf '%s' "$want" >"$stamp"
