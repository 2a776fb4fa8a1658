"""Partitioned tables of immutable versions, and append-only records."""
