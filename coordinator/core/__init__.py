"""The pure heart of a run: what is ready, which task starts next, what it may take. No files, no clock, no engine."""
