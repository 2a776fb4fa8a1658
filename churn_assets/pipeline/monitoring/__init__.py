"""Watching: the tables that follow from a day's scores, each versioned and published like them."""
