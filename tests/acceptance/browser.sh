#!/usr/bin/env bash
# A browser that tests can drive, Debian's chromium with its driver, and axe-core, which looks for what keeps people from
# using a page. Where they cannot be had the set-up goes on without: the tests of the pages say then what they miss.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

packages=$here/../../build/npm
if [ ! -e "$packages/node_modules/axe-core" ] && command -v npm >/dev/null; then
    npm install --silent --no-audit --no-fund --prefix "$packages" axe-core@4 || true
fi
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
"$here/../../setup/apt-install.sh" "a browser, for the tests of the page" chromium chromium-driver || true
