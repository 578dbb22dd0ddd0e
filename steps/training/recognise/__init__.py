"""What makes the recognise step's weights, and measures the step."""
