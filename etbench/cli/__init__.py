"""One module a command of `python -m etbench.results`; each has `add(commands)`."""
