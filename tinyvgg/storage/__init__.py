"""Results on disk, found again by what made them; files whole or not there; progress bars."""

MAKES_RESULTS = False  # a change here makes no result out of date: see `fingerprint`
