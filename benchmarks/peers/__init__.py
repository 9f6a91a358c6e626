"""Detectors that others published, implemented anew from their papers, to be measured beside ours on the same traffic.

`python -m benchmarks.peers` (or `make bench-peers`) prints both tables and draws them: docs/peers.md.
"""
