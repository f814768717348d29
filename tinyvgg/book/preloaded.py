"""The imports of every notebook; kernels are forked from a process that has imported this."""

import ipykernel.kernelapp  # noqa: F401
import myst_nb.ext.glue  # noqa: F401

import tinyvgg.book.notebook
import tinyvgg.experiments.measures  # noqa: F401
