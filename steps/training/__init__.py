"""Training and measuring the steps' models: what makes the weights, and is in no step's image."""
