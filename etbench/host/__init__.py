"""Facts about a machine: its environment, load and git revision, and its measuring lock."""
