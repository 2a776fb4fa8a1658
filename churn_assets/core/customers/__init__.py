"""From a source's rows to valid customers and quarantined rows."""
