"""The figures: what the gates of a network look like, and the numbers behind them.

Functions `plot_*` draw one block on given axes and return them; functions `figure_*`
lay out several blocks under one legend, in the style that comes with the package
(`se_probe.mplstyle`); functions `*_table` give the numbers drawn. Nothing is computed
here that :mod:`se_probe.stats` could compute, pyplot is not used, and no setting of
matplotlib is changed for good. :func:`save` and :func:`save_table` are the only places
that write.
"""

from se_probe.plots.cost import (
    block_cost_table,
    figure_block_costs,
    figure_freezing_curve,
    freezing_table,
)
from se_probe.plots.depth import figure_depth, plot_depth_summary
from se_probe.plots.heatmap import figure_heatmaps, plot_gate_heatmap
from se_probe.plots.labels import gate_limits
from se_probe.plots.profiles import figure_profiles, plot_class_profile
from se_probe.plots.save import FORMATS, save, save_table
from se_probe.plots.selection import default_blocks, find_classes, pick_channels
from se_probe.plots.spread import default_pair, figure_spread, plot_class_spread
from se_probe.plots.style import class_styles, house_style
from se_probe.plots.tables import (
    depth_table,
    heatmap_table,
    profile_table,
    spread_table,
)
from se_probe.plots.write import FIGURES, write_figures

__all__ = [
    "FIGURES",
    "FORMATS",
    "block_cost_table",
    "class_styles",
    "default_blocks",
    "default_pair",
    "depth_table",
    "figure_block_costs",
    "figure_depth",
    "figure_freezing_curve",
    "figure_heatmaps",
    "figure_profiles",
    "figure_spread",
    "find_classes",
    "freezing_table",
    "gate_limits",
    "heatmap_table",
    "house_style",
    "pick_channels",
    "plot_class_profile",
    "plot_class_spread",
    "plot_depth_summary",
    "plot_gate_heatmap",
    "profile_table",
    "save",
    "save_table",
    "spread_table",
    "write_figures",
]
