"""The detector without a learned network, ``method: classical``: colours, outlines and a small linear classifier."""
