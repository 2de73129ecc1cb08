"""Load a program with ExecuTorch's runtime, or with PyTorch if it is a PyTorch program."""
