"""The watching as Dagster sees it: assets at the end of the night, their checks, and what tells others of a run."""
