"""Contributions into what a person is told: families of features, ranked, in a few words."""
