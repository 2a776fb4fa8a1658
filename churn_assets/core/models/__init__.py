"""A model version: what it is, what it gives, and how a person reads of it."""
