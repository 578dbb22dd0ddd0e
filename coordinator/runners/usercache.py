"""Where this user's programs keep what they can do without."""

from __future__ import annotations

import os
from pathlib import Path

_ENVIRONMENT, _USUAL = "XDG_CACHE_HOME", "~/.cache"


def user_cache() -> Path:
    """The coordinator's folder there, which need not exist yet. Raises OSError if the user has no home."""
    try:
        caches = os.environ.get(_ENVIRONMENT) or Path(_USUAL).expanduser()
    except RuntimeError as error:
        raise OSError(f"no home folder: {error}") from error
    return Path(caches) / "coordinator"
