#!/usr/bin/env bash
# voice.sh: the library that speaks aloud without any service (flite, 13 MB). Everything else works without it.
#
# Installed where that needs nobody's leave; where it cannot be installed, that is said once and not tried again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tried="$venv/.agentai-no-voice"

is_there() {
    # ldconfig often is outside the path of ordinary users.
    { PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true; } | grep -q 'libflite\.so\.1'
}

is_there && exit 0
[ ! -e "$tried" ] || exit 0
if has_apt; then
    say "voice: installing libflite1 from the distribution's packages, so that it can answer aloud"
    (apt_install libflite1) && exit 0
fi
say "voice: it cannot answer aloud until libflite1 is installed (Debian and Ubuntu: sudo apt install libflite1); all else works"
touch "$tried"
