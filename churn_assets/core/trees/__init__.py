"""The exact kernel of boosted trees: compiled, packed, proven, and run."""
