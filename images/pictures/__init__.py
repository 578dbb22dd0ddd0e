"""Pictures of a real run: ``python -m images.pictures RUN_DIR BATCH_DIR OUT``."""
