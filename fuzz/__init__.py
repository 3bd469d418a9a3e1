"""Fuzzing that anybody can run: see README.md beside this file."""
