"""Results on disk, found again by what made them; files that are whole or not there."""
