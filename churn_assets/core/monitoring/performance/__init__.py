"""How good scores are: what came true of them, and what they promise while nobody knows yet."""
