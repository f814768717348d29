"""What the book measures with the paper's method."""
