"""Tidegate: exports what is new since the last time, and neither loses nor repeats a record."""

__version__ = "0.1.0"
