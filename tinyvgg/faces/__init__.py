"""Faces and their labels: the factorial design, the sources, the splits (no torch here)."""
