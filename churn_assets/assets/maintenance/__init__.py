"""What keeps an installation in order beside its nights."""
