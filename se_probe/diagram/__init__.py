"""A network as a picture: its layers or stages, shapes at the edges, SE blocks marked.

Small networks are drawn layer by layer. In larger ones everything that follows another
at one resolution is one box: in networks built by stages, these are the stages.
"""

from se_probe.diagram.draw import draw_network
from se_probe.diagram.files import FORMATS, check_drawable, save_diagram

__all__ = ["FORMATS", "check_drawable", "draw_network", "save_diagram"]
