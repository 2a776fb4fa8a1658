"""Pure functions of the chain: frames in, frames out; no I/O, clock, environment or Dagster."""
