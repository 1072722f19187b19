"""What a gate record alone tells about a network's SE blocks.

Everything here takes a gate record, or the class moments made from it, and needs no
network: moments of each class, shares of the gate variance, input dependence,
saturation, separability of the classes, all of these side by side for each block, the
order in which the network could spare the blocks, and how alike two networks are whose
channels have no common order.
"""

from se_probe.stats.extremes import saturation
from se_probe.stats.moments import class_moments, reference_curve
from se_probe.stats.nearest_mean import separability, wilson_interval
from se_probe.stats.ranking import (
    CRITERIA,
    Criterion,
    RankAgreement,
    block_scores,
    rank_agreement,
    rank_blocks,
)
from se_probe.stats.summary import block_summary, describe_depth
from se_probe.stats.variance import input_dependence, variance_shares
from se_probe.stats.without_order import class_similarity, compare_without_order

__all__ = [
    "CRITERIA",
    "Criterion",
    "RankAgreement",
    "block_scores",
    "block_summary",
    "class_moments",
    "class_similarity",
    "compare_without_order",
    "describe_depth",
    "input_dependence",
    "rank_agreement",
    "rank_blocks",
    "reference_curve",
    "saturation",
    "separability",
    "variance_shares",
    "wilson_interval",
]
