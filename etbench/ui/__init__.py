"""The local web page: a front end of the Python API that does not measure and does not import torch.

A run is a child process, ``python -m etbench …``; the page reads its event log and its results.
"""
