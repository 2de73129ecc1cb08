"""The command line: `commands.py` lists the subcommands, each module beside it is one of them."""
