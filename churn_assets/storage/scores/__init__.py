"""Published scores: shown, compared, traced, taken back."""
