"""What is kept of a run: its folder, its journal, the evidence of failures, the results."""
