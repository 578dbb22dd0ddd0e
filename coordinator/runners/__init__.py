"""How one task runs: the only room that knows the container engine."""
