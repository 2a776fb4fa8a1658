"""An export that nobody has described yet: a first profile of it, and a dry run that publishes nothing."""
