#!/usr/bin/env bash
# Make the virtual environment (argument 1: its folder) and install the project into it, for development.
# Needs a Python of 3.11 or newer with its venv module; as root on Debian or Ubuntu, installs what is missing.
# PYTHON=/path/to/python3 chooses one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly venv=$1

say() { printf 'venv: %s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# Debian splits venv's ensurepip from python3: without it, 'python3 -m venv' fails half way.
makes_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The best Python here: one that can make a virtual environment, else one that is at least new enough.
find_python() {
  local candidate found=
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    if ! new_enough "$candidate"; then continue; fi
    if makes_venvs "$candidate"; then
      found=$candidate
      break
    fi
    found=${found:-$candidate}
  done
  printf '%s\n' "$found"
}

install_python() {
  if "$here/apt-install.sh" "Python's venv module" python3 python3-venv; then hash -r; fi
}

install_project() {
  local started=$SECONDS
  "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
  say "installed the project into $venv in $((SECONDS - started)) s"
}

# One that is there and works is kept: a changed requirement must not pull the ground from under what runs in it.
if new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  install_project
  exit 0
fi

python=$(find_python)
if [ -z "$python" ] || ! makes_venvs "$python"; then
  install_python
  python=$(find_python)
fi
if [ -z "$python" ] || ! makes_venvs "$python"; then
  say "no Python of version 3.11 or newer with its venv module was found"
  say "install one (Ubuntu 22.04: apt-get install python3.11-venv), or name one: make PYTHON=/path/to/python3 ..."
  exit 1
fi

say "making $venv with $("$python" --version)"
"$python" -m venv --clear "$venv"
install_project
