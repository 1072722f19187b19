"""What a gate record alone tells about a network's SE blocks.

Everything here takes a gate record, or the class moments made from it, and needs no
network: moments of each class, shares of the gate variance, input dependence,
saturation, separability of the classes, all of these side by side for each block, the
order in which blocks could be removed, and how alike two networks are whose channels
have no common order.
"""

from se_probe.stats.channels import BEHAVIOURS, channel_table, class_selectivity
from se_probe.stats.cka import linear_cka
from se_probe.stats.comparison import compare_records
from se_probe.stats.context import context_slope, squeeze_of
from se_probe.stats.counting import MARGIN, ends_at_0_and_1
from se_probe.stats.covariance import effective_rank, redundancy, some_rows
from se_probe.stats.extremes import saturation
from se_probe.stats.kept import Kept
from se_probe.stats.matching import MatchedRecords, match_records
from se_probe.stats.moments import (
    class_moments,
    moments_of,
    reference_curve,
    require_images,
)
from se_probe.stats.nearest_mean import (
    MIN_IMAGES,
    balanced,
    nearest_class_hits,
    separability,
    wilson_interval,
)
from se_probe.stats.outcome import record_summary
from se_probe.stats.ranking import (
    CRITERIA,
    Criterion,
    RankAgreement,
    block_scores,
    rank_agreement,
    rank_blocks,
)
from se_probe.stats.shuffling import repeated_classes, shuffled_class_means
from se_probe.stats.summary import block_summary
from se_probe.stats.variance import input_dependence, variance_shares
from se_probe.stats.without_order import class_similarity, compare_without_order

__all__ = [
    "BEHAVIOURS",
    "CRITERIA",
    "MARGIN",
    "MIN_IMAGES",
    "Criterion",
    "Kept",
    "MatchedRecords",
    "RankAgreement",
    "balanced",
    "block_scores",
    "block_summary",
    "channel_table",
    "class_moments",
    "class_selectivity",
    "class_similarity",
    "compare_records",
    "compare_without_order",
    "context_slope",
    "effective_rank",
    "ends_at_0_and_1",
    "input_dependence",
    "linear_cka",
    "match_records",
    "moments_of",
    "nearest_class_hits",
    "rank_agreement",
    "rank_blocks",
    "record_summary",
    "redundancy",
    "reference_curve",
    "repeated_classes",
    "require_images",
    "saturation",
    "separability",
    "shuffled_class_means",
    "some_rows",
    "squeeze_of",
    "variance_shares",
    "wilson_interval",
]
