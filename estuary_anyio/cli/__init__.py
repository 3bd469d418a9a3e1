"""The command line: `estuary gateway`, `estuary chat`, `estuary demo`.

`app` holds the options and nothing heavy, each command has a file, and what they share is `running`
(event loop, signals, errors), `screen` (what people see) and `typed` (what they type).
"""
