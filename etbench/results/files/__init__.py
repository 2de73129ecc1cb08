"""Result files on disk: writing and reading, upgrades of older ones, foreign formats, baselines."""
