"""One invocation that works on a run, from its preflight to its summary."""
