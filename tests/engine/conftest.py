"""Results with known numbers, for what compares runs."""

from made_results import make_result

__all__ = ["make_result"]
