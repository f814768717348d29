"""Runs too long for a build of the book, each made by ``python -m tinyvgg study NAME``."""
