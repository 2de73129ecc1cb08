"""A run from cells to results: its phases, a cell on its way, its baseline and its record."""
