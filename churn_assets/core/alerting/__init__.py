"""Alerts, and when a model should be trained anew: conditions over what the watching found."""
