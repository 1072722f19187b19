"""What a gate record alone tells about a network's SE blocks.

Everything here takes a gate record, or the class moments made from it, and needs no
network: moments of each class, shares of the gate variance, input dependence,
saturation, separability of the classes, all of these side by side for each block, and
the order in which the network could spare the blocks.
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

__all__ = [
    "CRITERIA",
    "Criterion",
    "RankAgreement",
    "block_scores",
    "block_summary",
    "class_moments",
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
