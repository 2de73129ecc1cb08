"""Sweeps: many cells in one run, with progress, resuming and a summary."""
