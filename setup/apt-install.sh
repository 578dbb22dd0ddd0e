#!/usr/bin/env bash
# Install Debian or Ubuntu packages, saying so first. Usage: apt-install.sh REASON PACKAGE...
#
# One call at a time (make may run several set-up targets at once, and apt's locks do not wait for each other), and
# the package lists are fetched only when apt cannot install from those it has: that fetch is often the slowest part.
set -euo pipefail

reason=$1
shift

fail() {
  printf 'set-up: cannot install %s: %s\n' "$*" "$why" >&2
  printf 'set-up: install them yourself (%s), then run the same command again\n' "$reason" >&2
  exit 1
}

if ! command -v apt-get >/dev/null; then
  why="this machine has no apt-get" && fail "$@"
fi
if [ "$(id -u)" != 0 ]; then
  why="that needs root; 'sudo apt-get install $*' does it" && fail "$@"
fi

printf 'set-up: installing %s from the distribution (%s)\n' "$*" "$reason" >&2
log=$(mktemp "${TMPDIR:-/tmp}/coordinator-apt.XXXXXX")
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
lock=/run/coordinator-apt.lock

install_packages() {
  # flock -o: a service that a package starts must not inherit (and so keep) the lock.
  flock -o "$lock" apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null
}

if ! install_packages "$@"; then
  flock -o "$lock" apt-get update -q -o DPkg::Lock::Timeout=300 >>"$log" 2>&1 </dev/null || true
  if ! install_packages "$@"; then
    tail -n 15 "$log" >&2
    why="apt-get failed, its last lines are above, the whole log is $log" && fail "$@"
  fi
fi
rm -f "$log"
