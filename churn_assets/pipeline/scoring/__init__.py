"""A day scored, audited and published; and the challenger beside it."""
