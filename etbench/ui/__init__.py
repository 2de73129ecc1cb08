"""The local web page: a face of the Python API, which measures nothing itself and imports no torch.

A run is a child process, ``python -m etbench …``; the page reads its event log and its results.
"""
