"""Databases of the company: where customers come from and published scores go, through ADBC."""
