"""From probabilities to score rows, and what is checked before they are published."""
