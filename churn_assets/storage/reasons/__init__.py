"""Published reasons: found for the scores they explain, read for one customer, taken back with their scores."""
