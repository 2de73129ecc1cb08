"""Two sets of results against each other: who belongs to whom, what changed, what fails."""
