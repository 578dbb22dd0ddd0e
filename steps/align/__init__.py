"""The align step: poses refined from the photographs themselves, before anything is positioned (docs/align.md)."""
