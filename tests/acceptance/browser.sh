#!/usr/bin/env bash
# A browser that tests can drive: Debian's chromium with its driver. Where it cannot be had the set-up goes on without:
# the tests of the page say then what they miss.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
"$here/../../setup/apt-install.sh" "a browser, for the tests of the page" chromium chromium-driver || true
