#!/usr/bin/env bash
# engine.sh: makes sure that a container engine answers; installs and starts one where it may.
#
# An engine that answers is taken as it is (DOCKER_HOST is respected). As root on Debian or Ubuntu the
# distribution's docker.io is installed. Where no init system starts it, it is started here, in the
# background, and stays when `make` ends.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

log=/var/log/dockerd.log
wait_s=30

answers() {
    "$python" -c 'import docker; docker.from_env(timeout=5).ping()' 2>/dev/null
}

explain() {
    fail "A container engine is needed and none answers: install Docker, start it, and let this user reach its socket" \
        "(Debian and Ubuntu: sudo apt install docker.io && sudo usermod -aG docker $(id -un), then log in again)."
}

wait_until_up() {
    local n
    for ((n = 0; n < wait_s * 5; n++)); do
        answers && return 0
        # With a process id, give up as soon as that process has ended.
        if [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; then return 1; fi
        sleep 0.2
    done
    return 1
}

# start_daemon OPTION…: one try; leaves the daemon running when it comes up.
start_daemon() {
    local pid
    rm -f /var/run/docker.pid
    setsid nohup dockerd "$@" </dev/null >>"$log" 2>&1 &
    pid=$!
    if wait_until_up "$pid"; then return 0; fi
    kill "$pid" 2>/dev/null || true
    return 1
}

start() {
    if [ -d /run/systemd/system ]; then
        say "engine: starting docker by systemd"
        systemctl start docker && wait_until_up && return 0
    fi
    # Something may be starting it at this very moment, such as the package's own script.
    if grep -qsx dockerd /proc/[0-9]*/comm && wait_until_up; then return 0; fi
    say "engine: no init system starts dockerd, so it is started here (log: $log)"
    start_daemon && return 0
    # Firewall rules are what most often is forbidden; task containers have no network anyway.
    say "engine: dockerd did not come up; trying again without network set-up"
    start_daemon --iptables=false --ip6tables=false --bridge=none && return 0
    tail -n 5 "$log" >&2
    fail "dockerd does not start on this machine; the end of $log is above."
}

answers && exit 0
[ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST is set to $DOCKER_HOST, and no engine answers there."
if ! command -v dockerd >/dev/null; then
    has_apt || explain
    say "engine: installing docker.io from the distribution's packages (about a minute)"
    apt_install docker.io iptables ca-certificates
fi
[ "$(id -u)" -eq 0 ] || explain
start
say "engine: docker answers"
