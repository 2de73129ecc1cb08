"""The measuring process, which forks or spawns a fresh one for each pass and round."""
