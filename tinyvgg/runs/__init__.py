"""A run: its profile, faces, seed and device; its networks; records of long runs."""
