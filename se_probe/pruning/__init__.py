"""Spare SE blocks: leave them out, or freeze their gates and fold them away.

`calibration` has the constants that gates are frozen at, `own_modules` proves that a
block can be taken out, `flow` finds where in the network a constant factor can go,
`folding` puts it there, and `drop` leads through all of it. `budget` chooses the blocks
by measurement, and `finetune` trains what is left. `plain` and `onnx` hand the result
to programs that do not know se_probe.
"""

from se_probe.pruning.budget import (
    BudgetPlan,
    SpareableBlock,
    plan_budget,
    spare_blocks,
)
from se_probe.pruning.drop import drop_se_blocks
from se_probe.pruning.finetune import finetune
from se_probe.pruning.onnx import check_onnx_packages, export_onnx
from se_probe.pruning.plain import (
    plain_architecture,
    plain_state_dict,
    save_plain_weights,
)

__all__ = [
    "BudgetPlan",
    "SpareableBlock",
    "check_onnx_packages",
    "drop_se_blocks",
    "export_onnx",
    "finetune",
    "plain_architecture",
    "plain_state_dict",
    "plan_budget",
    "save_plain_weights",
    "spare_blocks",
]
