"""The chain through Dagster, from a process of our own."""
