"""Alerting: what the tables and runs say that a person must hear, told once, on every configured channel."""
