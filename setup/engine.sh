#!/usr/bin/env bash
# Make sure that a container engine answers: use the one that is there, else start it, else install and start it.
#
# What "there" means is what the coordinator itself will use: DOCKER_HOST, else the docker CLI's current context,
# else the local socket. An engine somewhere else that does not answer is an error, never a reason to install one here.
# Safe to run again, at any time: one line when the engine is there. Options come from the environment:
#   COORDINATOR_ENGINE_LOG   where an engine started here logs to (default /var/log/coordinator-engine.log)
#   COORDINATOR_ENGINE_WAIT  seconds to wait for an engine to answer (default 60)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly local_socket=/var/run/docker.sock
readonly log=${COORDINATOR_ENGINE_LOG:-/var/log/coordinator-engine.log}
readonly wait_seconds=${COORDINATOR_ENGINE_WAIT:-60}

say() { printf 'engine: %s\n' "$*" >&2; }
die() {
  say "$1"
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# The address that the coordinator will use, as in DOCKER_HOST.
engine_address() {
  local address=${DOCKER_HOST:-}
  if [ -z "$address" ] && have docker; then
    address=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) ||
      [ -z "${DOCKER_CONTEXT:-}" ] || die "there is no docker context $DOCKER_CONTEXT, which DOCKER_CONTEXT names" \
      "See: docker context ls"
  fi
  printf '%s\n' "${address:-unix://$local_socket}"
}

is_local() { case $1 in unix:///var/run/docker.sock | unix:///run/docker.sock) ;; *) return 1 ;; esac; }

# Ask the API itself, in Python: the CLI may be missing, or be too new for the engine's API although all else works.
# Prints the engine's version; fails if nothing answers.
engine_version() {
  case $address in
    unix://* | tcp://* | http://*)
      if have python3 && [ -z "${DOCKER_TLS_VERIFY:-}" ]; then
        python3 -c '
import http.client, json, socket, sys
from urllib.parse import urlsplit
url = urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.hostname or "localhost", url.port or 2375, timeout=10)
try:
    if url.scheme == "unix":
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(url.path)
    connection.request("GET", "/version")
    print(json.load(connection.getresponse())["Version"])
except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
    sys.exit(str(error))
' "$address" 2>/dev/null
        return
      fi
      ;;
  esac
  have docker && DOCKER_HOST=$address docker version --format '{{.Server.Version}}' 2>/dev/null
}

answers() {
  local version
  version=$(engine_version) && say "$version answers at $address"
}

# A daemon that has been started needs a moment before it answers.
wait_for_answer() {
  local end=$((SECONDS + wait_seconds))
  until answers; do
    if [ "$SECONDS" -ge "$end" ]; then return 1; fi
    if [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; then return 1; fi
    sleep 0.2
  done
}

refuse_if_foreign() {
  if ! is_local "$address"; then
    die "nothing answers at $address, which DOCKER_HOST or the docker CLI's context names" \
      "Start that engine; or, to use this machine's own: unset DOCKER_HOST; docker context use default"
  fi
}

refuse_without_root() {
  if is_root; then return; fi
  if [ -S "$local_socket" ] && [ ! -w "$local_socket" ]; then
    die "user $(id -un) may not use the engine's socket $local_socket" \
      "Join its group, then log in anew:  sudo usermod -aG docker $(id -un)" \
      "or run this command with sudo."
  fi
  if have dockerd; then
    die "the engine is installed but does not run, and starting it needs root" \
      "Start it:  sudo systemctl start docker   (without systemd:  sudo make engine)"
  fi
  die "no container engine answers at $address, and installing one needs root" \
    "Debian, Ubuntu:  sudo make engine   (installs and starts the distribution's docker.io)" \
    "Elsewhere: https://docs.docker.com/engine/install/"
}

install_engine() {
  if ! have apt-get; then
    die "no container engine answers at $address, and this machine has no apt-get to install one with" \
      "Install Docker Engine 20.10 or newer (https://docs.docker.com/engine/install/), start it, and run this again."
  fi
  "$here/apt-install.sh" "the container engine" docker.io runc iptables ca-certificates mount procps
  hash -r
}

# Containers need control groups; a machine without an init system may have none mounted.
mount_cgroups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -d /sys/fs/cgroup/memory ]; then return; fi
  say "no control groups are mounted: mounting cgroup v2 at /sys/fs/cgroup"
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

# Some kernels offer only the older of the two firewalls that iptables can speak to.
choose_iptables() {
  if iptables -w -t nat -S >/dev/null 2>&1; then return; fi
  if have iptables-legacy && iptables-legacy -w -t nat -S >/dev/null 2>&1; then
    say "this kernel has no nf_tables: switching iptables to iptables-legacy"
    update-alternatives --set iptables /usr/sbin/iptables-legacy >/dev/null
    update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy >/dev/null || true
  fi
}

start_with_systemd() {
  say "starting the engine: systemctl start docker"
  systemctl start docker || true
  wait_for_answer || die "the engine did not answer within $wait_seconds s of 'systemctl start docker'" \
    "Its log:  journalctl -u docker --no-pager | tail -n 50"
}

# In a session of its own, and with no file of ours open: it outlives this shell, and nobody who reads our output (or
# waits for our lock) waits for it.
detached_dockerd() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
  done
  exec setsid dockerd >>"$log" 2>&1 </dev/null
}

start_in_own_session() {
  local pid
  mount_cgroups
  choose_iptables
  say "starting dockerd, its log is $log"
  : >>"$log"
  detached_dockerd &
  pid=$!
  disown
  if ! wait_for_answer "$pid"; then
    tail -n 20 "$log" >&2
    die "dockerd did not answer within $wait_seconds s; the end of its log is above" "The whole log: $log"
  fi
}

start_engine() {
  if [ "$(cat /proc/1/comm 2>/dev/null)" = systemd ] && have systemctl; then
    start_with_systemd
  elif pgrep -x dockerd >/dev/null; then
    say "dockerd runs but does not answer yet: waiting"
    wait_for_answer || die "dockerd runs but does not answer at $address within $wait_seconds s" "Look at its log."
  else
    start_in_own_session
  fi
}

address=$(engine_address)
if answers; then exit 0; fi
refuse_if_foreign
refuse_without_root

# One at a time: two starts at once would both install, and then fight over the socket.
exec 8>/run/coordinator-engine.lock
flock 8
if answers; then exit 0; fi
if ! have dockerd; then install_engine; fi
start_engine
