"""Dagster adapters of the chain: read, call one core function, publish, return metadata."""
