"""Which scores are in force, and how one version of a day is told."""
