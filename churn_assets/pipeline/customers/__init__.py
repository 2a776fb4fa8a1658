"""A source's snapshot landed as it is, and valid rows told from broken ones."""
