"""The one loop that owns a run's state, and the seam behind which its tasks run."""
