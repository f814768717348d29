"""What the notebooks measure with the method: counts, pairs, intervals, where features lie."""
