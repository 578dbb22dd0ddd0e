"""Batches as people have them, made by the tests: every format and every fault, and what has to come of each."""
