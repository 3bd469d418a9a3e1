"""`estuary demo`: what the library does, shown and checked step by step."""
