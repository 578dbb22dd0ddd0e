#!/usr/bin/env bash
# Install an extra of the project (argument 2) into the virtual environment (argument 1), for its tests. Where it cannot
# be had, as for a Python or a processor that it has no package for, its tests are skipped; in CI that is a failure.
set -euo pipefail

readonly venv=$1 extra=$2

say() { printf 'extra: %s\n' "$*" >&2; }

started=$SECONDS
if "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --editable ".[$extra]"; then
  say "installed the extra '$extra' into $venv in $((SECONDS - started)) s"
  touch "$venv/.$extra"
else
  say "the extra '$extra' cannot be installed here (see above): its tests are skipped"
  [ -z "${CI:-}" ]
fi
