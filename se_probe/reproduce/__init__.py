"""Train twice and compare; record again and compare.

`reproduce` trains a network once from each of several seeds and says, bit for bit,
which runs agree; `verify_record` runs the network of a gate record over some of its
batches again and says whether the gates are still those.
"""

from se_probe.reproduce.differences import BlockDifference
from se_probe.reproduce.randomness import RandomSource, sources_of_randomness
from se_probe.reproduce.rebuild import reopen_network, reopen_record_images
from se_probe.reproduce.reproduce import Reproduction, reproduce
from se_probe.reproduce.runs import Pair, Run, compare_runs, train_run
from se_probe.reproduce.verify import TOLERANCES, Verification, verify_record
from se_probe.settings import Change

__all__ = [
    "TOLERANCES",
    "BlockDifference",
    "Change",
    "Pair",
    "RandomSource",
    "Reproduction",
    "Run",
    "Verification",
    "compare_runs",
    "reopen_network",
    "reopen_record_images",
    "reproduce",
    "sources_of_randomness",
    "train_run",
    "verify_record",
]
