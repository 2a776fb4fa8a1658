"""A model version: what it is, what it gives, and how it is told to a person."""
