"""``python -m images.pictures``."""

import sys

from images.pictures.command import main

if __name__ == "__main__":
    sys.exit(main())
