"""What an image file may be."""

from __future__ import annotations

MAX_PIXELS = 250_000_000
"""Maximum number of pixels: a header that promises more is a decompression bomb. The largest panoramas have a little
less (22,000 x 11,000); decoded, at 3 bytes a pixel, it is what still goes into a step's usual memory of 1 GiB."""
MAX_BYTES = 1024**3
"""Maximum size of a photograph's file: steps would have to read a larger one into memory."""
MAX_TEXT = 16 * 1024**2
"""Maximum bytes that a text or an ICC profile of a PNG unpacks to; the profiles of printers have some megabytes."""
NO_FILE = "is not a regular file (but a directory, a pipe, a socket or a device)"
