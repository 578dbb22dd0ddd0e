#!/usr/bin/env bash
# Run compose with these arguments, in the project's folder. Which one: the docker CLI's plugin, else docker-compose, else
# (as root on Debian or Ubuntu) one that is installed first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

find_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif docker-compose version >/dev/null 2>&1; then
    compose=(docker-compose)
  else
    return 1
  fi
}

install_compose() {
  local package=docker-compose
  # Ubuntu has the plugin under a name of its own, and under the old name a version that its newer engines confuse.
  if apt-cache show docker-compose-v2 >/dev/null 2>&1; then package=docker-compose-v2; fi
  "$here/../../../setup/apt-install.sh" "compose, for the image service" "$package"
  hash -r
}

if ! find_compose; then
  install_compose
  if ! find_compose; then
    printf 'set-up: compose is installed but does not run: see what "docker-compose version" says\n' >&2
    exit 1
  fi
fi
cd "$here/../../.."
exec "${compose[@]}" "$@"
