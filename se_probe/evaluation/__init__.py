"""What a network gets right and what it costs, alone or against another one.

:func:`evaluate` looks at whole networks, :func:`ask` at the answers of several to the
same images, and :func:`median_milliseconds` at the time that they take.
"""

from se_probe.evaluation.answers import (
    Answers,
    Difference,
    Forward,
    Forwards,
    ask,
    readable_rows,
)
from se_probe.evaluation.latency import (
    block_milliseconds,
    median_milliseconds,
    run_times,
)
from se_probe.evaluation.networks import (
    Accuracy,
    Evaluation,
    NetworkFigures,
    evaluate,
)
from se_probe.evaluation.onnx_files import OnnxModel, open_onnx, seal_onnx
from se_probe.evaluation.paired import bonett_price_interval, mcnemar_p
from se_probe.evaluation.seen import HeldOut, held_out
from se_probe.evaluation.store import ResultStore, digest

__all__ = [
    "Accuracy",
    "Answers",
    "Difference",
    "Evaluation",
    "Forward",
    "Forwards",
    "HeldOut",
    "NetworkFigures",
    "OnnxModel",
    "ResultStore",
    "ask",
    "block_milliseconds",
    "bonett_price_interval",
    "digest",
    "evaluate",
    "held_out",
    "mcnemar_p",
    "median_milliseconds",
    "open_onnx",
    "readable_rows",
    "run_times",
    "seal_onnx",
]
