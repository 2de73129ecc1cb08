"""Results with known numbers, to be written as hostile files."""

from made_results import make_result

__all__ = ["make_result"]
