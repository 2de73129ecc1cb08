"""Where a team already looks: results as runs of an experiment tracker (`conf/tracking`)."""
