"""What a network gets right and what it costs, alone or against another one.

:func:`evaluate` looks at whole networks. :func:`measure_blocks` and
:func:`freezing_curve` hold gates at constants while the network runs, and measure what
that changes; the constants are chosen by :func:`mean_constants` and its kin, always on
other images than those that judge.
"""

from se_probe.evaluation.answers import Difference
from se_probe.evaluation.block_costs import (
    Change,
    freezing_curve,
    measure_blocks,
    measure_changes,
)
from se_probe.evaluation.calibration import (
    check_apart,
    check_record_of,
    check_weights,
    images_of_record,
    keep_apart,
    part_images,
)
from se_probe.evaluation.constants import (
    least_squares_constants,
    mean_constants,
    sequential_constants,
)
from se_probe.evaluation.evaluate import (
    Accuracy,
    Evaluation,
    NetworkFigures,
    evaluate,
)
from se_probe.evaluation.latency import block_milliseconds, median_milliseconds
from se_probe.evaluation.paired import bonett_price_interval, mcnemar_p

__all__ = [
    "Accuracy",
    "Change",
    "Difference",
    "Evaluation",
    "NetworkFigures",
    "block_milliseconds",
    "bonett_price_interval",
    "check_apart",
    "check_record_of",
    "check_weights",
    "evaluate",
    "freezing_curve",
    "images_of_record",
    "keep_apart",
    "least_squares_constants",
    "mcnemar_p",
    "mean_constants",
    "measure_blocks",
    "measure_changes",
    "median_milliseconds",
    "part_images",
    "sequential_constants",
]
