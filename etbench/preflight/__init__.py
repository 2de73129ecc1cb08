"""What is checked before anything is built: a command line, a cell on this host, this machine."""
