"""Request ids, log lines and metrics of the score service."""
