"""Remove SE blocks: leave them out, or freeze their gates and fold them away.

`own_modules` proves that a block can be removed, `flow` finds where in the network a
constant factor can go, `folding` puts it there, and `drop` leads through all of it.
`budget` chooses the blocks by measurement. `plain`, `export` and `code` hand the result
to programs that do not know se_probe.
"""

from se_probe.pruning.budget import plan_budget
from se_probe.pruning.code import export_code
from se_probe.pruning.drop import How, drop_se_blocks
from se_probe.pruning.export import Exported, check_export, export_network
from se_probe.pruning.int8 import evaluate_int8, int8_network, quantize_onnx
from se_probe.pruning.mending import Finetuned, check_finetuning, finetune_network
from se_probe.pruning.outputs import PruneOutputs, Written, recorded_images
from se_probe.pruning.plain import (
    plain_architecture,
    plain_state_dict,
    save_plain_weights,
)
from se_probe.pruning.plan import (
    BudgetPlan,
    RemovableBlock,
    TimeSaved,
    Verdict,
    least_images,
)
from se_probe.pruning.removal import remove_blocks
from se_probe.pruning.runtimes import (
    RUNTIMES,
    Runtime,
    RuntimeTimes,
    time_runtimes,
)
from se_probe.pruning.sameness import noise_images
from se_probe.pruning.saving import TimeGoal

__all__ = [
    "RUNTIMES",
    "BudgetPlan",
    "Exported",
    "Finetuned",
    "How",
    "PruneOutputs",
    "RemovableBlock",
    "Runtime",
    "RuntimeTimes",
    "TimeGoal",
    "TimeSaved",
    "Verdict",
    "Written",
    "check_export",
    "check_finetuning",
    "drop_se_blocks",
    "evaluate_int8",
    "export_code",
    "export_network",
    "finetune_network",
    "int8_network",
    "least_images",
    "noise_images",
    "plain_architecture",
    "plain_state_dict",
    "plan_budget",
    "quantize_onnx",
    "recorded_images",
    "remove_blocks",
    "save_plain_weights",
    "time_runtimes",
]
