"""Facts of a machine: its environment, load and git revision, and the lock of who measures on it."""
