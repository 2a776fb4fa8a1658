"""What an erasure does to bytes: versions rewritten without a customer, and the records of it."""
