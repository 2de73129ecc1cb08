"""Results with known numbers, for what a resumed sweep keeps."""

from made_results import make_result

__all__ = ["make_result"]
