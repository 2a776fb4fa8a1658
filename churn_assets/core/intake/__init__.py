"""What an unknown export looks like, and the profile that follows from it."""
