"""The book: networks, notebooks and pages from one command, and the setup of a notebook."""
