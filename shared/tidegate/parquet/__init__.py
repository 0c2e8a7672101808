"""Parquet files, written and read back without any library for them: docs/parquet.md says what is in one.

The writer keeps to what every reader knows: flat optional columns, data pages of version 1, PLAIN values, one codec.
So a file can be made piece by piece, by several processes, with the same bytes however often that is interrupted.
"""
