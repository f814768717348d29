"""The long runs, a module each."""
