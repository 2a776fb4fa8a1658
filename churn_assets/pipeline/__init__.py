"""The chain as plain functions: read versions, call the core, publish, give a typed result."""
