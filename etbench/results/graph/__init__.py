"""The graph of a program: its operators, its parts, their times and noise; for Model Explorer, and drawn."""
