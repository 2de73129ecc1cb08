"""Results with known numbers, for the subcommands that read results."""

from made_results import failed, make_result

__all__ = ["failed", "make_result"]
