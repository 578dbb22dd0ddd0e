"""What makes the weights of ``method: classical``."""
