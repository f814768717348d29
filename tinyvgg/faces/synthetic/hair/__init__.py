"""Hair: on the scalp, in locks, as brows and beards."""
