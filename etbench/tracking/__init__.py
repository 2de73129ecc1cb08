"""Experiment trackers that results are logged to (`conf/tracking`)."""
