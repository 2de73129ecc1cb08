"""Processes, locks, files and temporary folders."""
