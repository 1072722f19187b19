"""Train twice and compare; record again and compare.

`reproduce` trains a network once from each of several seeds and says, bit for bit,
which runs agree; `verify_record` runs the network of a gate record over some of its
batches again and says whether the gates are still those.
"""

from se_probe.reproduce.reproduce import Reproduction, reproduce
from se_probe.reproduce.runs import Pair, Run, compare_runs, train_run
from se_probe.reproduce.sources import RandomSource, sources_of_randomness

__all__ = [
    "Pair",
    "RandomSource",
    "Reproduction",
    "Run",
    "compare_runs",
    "reproduce",
    "sources_of_randomness",
    "train_run",
]
