"""The book: networks, notebooks and pages, from one command; and what a notebook begins with."""
