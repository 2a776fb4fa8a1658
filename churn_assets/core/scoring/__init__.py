"""From probabilities to score rows, and what is looked at before they are published."""
