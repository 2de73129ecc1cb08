"""The measuring process, which forks or spawns a fresh process for each pass and round."""
