"""Mutants of the core: each small change of its code must be noticed by a test."""
