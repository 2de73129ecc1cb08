"""Run cells and produce results: the phases of a run, the state of a cell, its baseline and its record."""
