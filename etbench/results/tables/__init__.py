"""Results as tables: the figures of a result, its row, frames of many, CSV files."""
