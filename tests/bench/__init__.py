"""Benchmarks: what one delivered event costs the process of the client.

``python -m tests.bench --help`` from the root of the repository.  Nothing here asserts on time.
"""
