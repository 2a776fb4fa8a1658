"""Exact Shapley values of a model's margin: why a customer has the score that they have."""
