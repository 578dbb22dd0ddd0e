"""The single-host coordinator: runs pipelines of containerised steps over a municipality's images."""

__version__ = "0.1.0"
