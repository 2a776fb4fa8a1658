"""What keeps an installation in order: what may go, and letting it go."""
