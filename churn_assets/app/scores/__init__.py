"""Which scores are served, and one version of a day's scores."""
