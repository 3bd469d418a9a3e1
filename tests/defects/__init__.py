"""What is wrong with the client that people would use otherwise, as claims that hold for ours.

Each claim is one body of code against public API and the wire, run on both libraries: it must pass
on ours, on every loop, and fail on estuary-sdk 0.8.0 in the way that it says (`-m incumbent`).
`python -m tests.defects` writes both outcomes into TABLE.md.
"""
