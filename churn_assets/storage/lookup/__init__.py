"""The key lookup beside a score version: written, verified, read."""
