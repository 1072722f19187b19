"""What one picture shows, as labelled data: computed once, painted at will.

A view takes a gate record, or its moments, and a :class:`Selection`; names of classes,
blocks and channels become positions here and nowhere else, and numbers are computed
here and nowhere else. Painters (:mod:`se_probe.plots`) take a view and nothing more;
the table beside a picture is ``view.to_dataframe()``. Nothing is drawn here.
"""

from se_probe.views.batches import batch_rows
from se_probe.views.binning import fit_rows
from se_probe.views.block_captions import (
    context_caption,
    correlations_caption,
    depth_caption,
    gates_by_squeeze_caption,
    redundancy_caption,
    selectivity_caption,
    similarity_caption,
)
from se_probe.views.by_class import gates_by_class
from se_probe.views.caption_parts import Source
from se_probe.views.captions import (
    extremes_caption,
    profiles_caption,
    rows_caption,
    spread_caption,
)
from se_probe.views.classes import default_classes, default_pair, find_classes, listed
from se_probe.views.clustering import cluster_order
from se_probe.views.compared import (
    comparison_caption,
    comparison_profile,
    comparison_table,
    describe_comparison,
    moved_channels,
    moved_classes,
)
from se_probe.views.components import image_map
from se_probe.views.context import (
    context_profile,
    describe_context,
    gates_by_squeeze,
    most_by_squeeze,
)
from se_probe.views.cost import block_costs, freezing_costs
from se_probe.views.depth import depth_profile
from se_probe.views.ends import ENDS, End, extremes
from se_probe.views.exchange import describe_exchange, exchange_costs
from se_probe.views.history import gate_health, learning_curve
from se_probe.views.measured_captions import (
    block_costs_caption,
    exchange_caption,
    freezing_costs_caption,
    pairs_caption,
)
from se_probe.views.pairs import RecordPair, paired_rows
from se_probe.views.profiles import class_profiles
from se_probe.views.redundancy import (
    describe_redundancy,
    gate_correlations,
    most_redundant,
    redundancy_profile,
)
from se_probe.views.rows import ChannelOrder, rows_table, sorted_rows
from se_probe.views.selection import (
    Chosen,
    NChannels,
    Sampling,
    Selection,
    block_part,
    default_blocks,
    pick_channels,
)
from se_probe.views.selectivity import describe_selectivity, selectivity_profile
from se_probe.views.similarity import (
    MAX_LABELLED,
    class_similarities,
    describe_similarity,
    nearest_classes,
    similarity_table,
)
from se_probe.views.words import describe_depth, rank_correlation

__all__ = [
    "ENDS",
    "MAX_LABELLED",
    "ChannelOrder",
    "Chosen",
    "End",
    "NChannels",
    "RecordPair",
    "Sampling",
    "Selection",
    "Source",
    "batch_rows",
    "block_costs",
    "block_costs_caption",
    "block_part",
    "class_profiles",
    "class_similarities",
    "cluster_order",
    "comparison_caption",
    "comparison_profile",
    "comparison_table",
    "context_caption",
    "context_profile",
    "correlations_caption",
    "default_blocks",
    "default_classes",
    "default_pair",
    "depth_caption",
    "depth_profile",
    "describe_comparison",
    "describe_context",
    "describe_depth",
    "describe_exchange",
    "describe_redundancy",
    "describe_selectivity",
    "describe_similarity",
    "exchange_caption",
    "exchange_costs",
    "extremes",
    "extremes_caption",
    "find_classes",
    "fit_rows",
    "freezing_costs",
    "freezing_costs_caption",
    "gate_correlations",
    "gate_health",
    "gates_by_class",
    "gates_by_squeeze",
    "gates_by_squeeze_caption",
    "image_map",
    "learning_curve",
    "listed",
    "most_by_squeeze",
    "most_redundant",
    "moved_channels",
    "moved_classes",
    "nearest_classes",
    "paired_rows",
    "pairs_caption",
    "pick_channels",
    "profiles_caption",
    "rank_correlation",
    "redundancy_caption",
    "redundancy_profile",
    "rows_caption",
    "rows_table",
    "selectivity_caption",
    "selectivity_profile",
    "similarity_caption",
    "similarity_table",
    "sorted_rows",
    "spread_caption",
]
