"""Checks before anything is built: of the command line, of a cell on this host, of this machine."""
