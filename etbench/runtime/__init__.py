"""Load a program with ExecuTorch's runtime, or with PyTorch where it is PyTorch's own."""
