"""Wait until the image service answers: `python -m coordinator.service.container.answers http://localhost:8080`.

Compose waits for the service behind nginx, but not for nginx, and its first generation cannot be told to.
"""

import http.client
import sys
import time
import urllib.request

PATIENCE_S = 30.0


def main(address: str, patience_s: float = PATIENCE_S) -> int:
    """The command: 0 when the service answers at `address`, 1 with the reason on stderr when it does not in time."""
    deadline = time.monotonic() + patience_s
    while reason := _reason(address):
        if time.monotonic() > deadline:
            sys.stderr.write(f"the image service does not answer at {address}: {reason}\n")
            sys.stderr.write("  its log: coordinator/service/container/compose.sh logs\n")
            return 1
        time.sleep(0.1)
    sys.stdout.write(f"the image service is at {address}; make stop ends it\n")
    return 0


def _reason(address: str) -> str:
    """Why the service cannot be used yet; empty if it can."""
    # No proxy of this machine's environment stands between it and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/healthz", timeout=5):
            return ""
    except (OSError, http.client.HTTPException) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
