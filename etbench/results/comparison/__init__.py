"""Compare two sets of results: pair their cells, judge what changed, check conditions."""
