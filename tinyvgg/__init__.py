"""Train a small VGG on faces, trace its decisions back to pixels, and suppress them.

The package behind an executable edition of Fang, "Understanding deep learning via
backtracking and deconvolution", Journal of Big Data 4:40 (2017).
"""

__version__ = "0.1.0"
