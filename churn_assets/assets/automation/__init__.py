"""What Dagster does by itself beside the schedules: alerts, files that changed, a model to be trained anew."""
