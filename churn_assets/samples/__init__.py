"""A simulated subscription business."""
