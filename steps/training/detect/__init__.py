"""What makes the detect step's weights, and measures the step."""
