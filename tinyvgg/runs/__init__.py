"""A run: its profile, faces, seed and device; its networks; records of long runs."""

MAKES_RESULTS = False  # a change here makes no result out of date: see `storage.fingerprint`
