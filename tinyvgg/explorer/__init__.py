"""Take the network apart by hand: choose a case and a set of pixels, and see what it says then.

`Session` is the explorer without a picture, `Explorer` the widget (it needs ipywidgets), and
`still` a figure of one state for a page without a kernel.
"""

from tinyvgg.explorer.session import PIXEL_SETS, Refused, Session
from tinyvgg.explorer.state import State
from tinyvgg.explorer.still import still
from tinyvgg.explorer.view import Explorer

__all__ = ["PIXEL_SETS", "Explorer", "Refused", "Session", "State", "still"]
