"""Arrow tables and columns: cut into batches, made into pandas and back, hashed."""
