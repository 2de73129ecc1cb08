"""The command line: `commands.py` lists the subcommands, their modules, and how to add one."""
