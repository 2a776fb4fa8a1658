"""From pinned partition versions to a model version, judged and promoted."""
