"""How good probabilities are, and whether that is good enough to be promoted."""
