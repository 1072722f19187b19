"""The figures: what the gates of a network look like.

Functions `plot_*` paint one block of a view on given axes and return them; functions
`figure_*` lay out all of its blocks under one legend, in the style that comes with the
package (`se_probe.mplstyle`). Nothing is computed or looked up here: that is done once,
in :mod:`se_probe.views`. pyplot is not used, and no setting of matplotlib is changed
for good. :func:`save` and :func:`save_table` are the only places that write.
"""

from se_probe.plots.boxes import figure_channel
from se_probe.plots.compared import figure_comparison
from se_probe.plots.context import (
    figure_context,
    figure_gates_by_squeeze,
    plot_context,
)
from se_probe.plots.cost import figure_block_costs, figure_freezing_curve
from se_probe.plots.depth import figure_depth, plot_depth_summary
from se_probe.plots.drawn import Look
from se_probe.plots.exchange import figure_exchange, plot_exchange
from se_probe.plots.extremes import figure_extremes
from se_probe.plots.heatmap import (
    figure_heatmaps,
    own_limits,
    panel_rows,
    plot_gate_heatmap,
)
from se_probe.plots.labels import gate_limits
from se_probe.plots.learning_curve import figure_learning_curve
from se_probe.plots.pairs import figure_pairs
from se_probe.plots.points import figure_image_map
from se_probe.plots.profiles import figure_profiles, plot_class_profile
from se_probe.plots.redundancy import (
    figure_correlations,
    figure_redundancy,
    plot_redundancy,
)
from se_probe.plots.saving import FORMATS, save, save_caption, save_table
from se_probe.plots.selectivity import figure_selectivity, plot_selectivity
from se_probe.plots.similarity import figure_similarity, plot_similarity
from se_probe.plots.spread import figure_spread, plot_class_spread
from se_probe.plots.style import class_styles, house_style, use_style
from se_probe.plots.write import ALL_FIGURES, FIGURES, write_figures

__all__ = [
    "ALL_FIGURES",
    "FIGURES",
    "FORMATS",
    "Look",
    "class_styles",
    "figure_block_costs",
    "figure_channel",
    "figure_comparison",
    "figure_context",
    "figure_correlations",
    "figure_depth",
    "figure_exchange",
    "figure_extremes",
    "figure_freezing_curve",
    "figure_gates_by_squeeze",
    "figure_heatmaps",
    "figure_image_map",
    "figure_learning_curve",
    "figure_pairs",
    "figure_profiles",
    "figure_redundancy",
    "figure_selectivity",
    "figure_similarity",
    "figure_spread",
    "gate_limits",
    "house_style",
    "own_limits",
    "panel_rows",
    "plot_class_profile",
    "plot_class_spread",
    "plot_context",
    "plot_depth_summary",
    "plot_exchange",
    "plot_gate_heatmap",
    "plot_redundancy",
    "plot_selectivity",
    "plot_similarity",
    "save",
    "save_caption",
    "save_table",
    "use_style",
    "write_figures",
]
