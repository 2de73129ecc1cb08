"""Facts about a machine: its environment, fingerprint, load and git revision, and its measuring lock."""
