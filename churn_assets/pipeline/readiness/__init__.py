"""Whether the parts of a chain are fit for production; each check gives one point, and changes nothing."""
