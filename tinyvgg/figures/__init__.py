"""Every figure of the book: a function each, which returns a matplotlib figure."""

from tinyvgg.figures.style import use_style

__all__ = ["use_style"]
