"""Containerised steps: each folder holds one step's pure function, its entry and its Dockerfile."""
