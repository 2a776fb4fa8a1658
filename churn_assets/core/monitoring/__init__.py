"""Watching: whether the customers, the scores and the model are still what they were, in numbers."""
