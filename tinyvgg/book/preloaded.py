"""What every notebook imports; kernels are forked from a process that has imported this."""

import sys

import ipykernel.kernelapp  # noqa: F401
import myst_nb.ext.glue  # noqa: F401
import pandas.io.formats.style  # noqa: F401
import scipy.stats  # noqa: F401

import tinyvgg.book.notebook
import tinyvgg.experiments.measures
import tinyvgg.faces.sources  # noqa: F401
from tinyvgg.storage.fingerprint import PACKAGE, code_fingerprint

# modules are parsed once for all kernels
code_fingerprint(*(name for name in sys.modules if name.startswith(f"{PACKAGE}.")))
