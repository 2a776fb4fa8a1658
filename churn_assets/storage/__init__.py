"""Bytes: versioned tables, models and the source; knows the core, never Dagster or a web framework."""
