"""Results on disk, found again by what made them; files that are whole or not there."""

MAKES_RESULTS = False  # a change here makes no result out of date: see `fingerprint`
