"""What every notebook imports; kernels are forked from a process that has imported this."""

import ipykernel.kernelapp  # noqa: F401
import myst_nb.ext.glue  # noqa: F401
import pandas.io.formats.style  # noqa: F401
import scipy.stats  # noqa: F401

import tinyvgg.book.notebook
import tinyvgg.experiments.measures
from tinyvgg.storage.fingerprint import code_fingerprint

code_fingerprint(tinyvgg.experiments.measures.__name__)  # modules are parsed once for all kernels
