"""The command line: `estuary gateway`, `estuary chat`, `estuary demo` and more.

`app` holds the commands and `commands` their options, nothing heavy in either; what a command does
stands in the file or folder of its name. They share `run` (event loop, signals, errors), `screen`
(what people see), `stdin` (what they type), `options`, and `place`: whom it is about.
"""
