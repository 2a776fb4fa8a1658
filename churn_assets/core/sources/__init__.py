"""Where customers come from, as `config.yaml` says it: what is allowed there, and the day in a query."""
