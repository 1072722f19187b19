"""Run a network over labelled images and write down its gates.

A batch is the unit of work: it always holds the same rows, has the same shape, and is
one chunk of the record. So a killed run resumes at the batches that are not done, and
several processes (``torchrun``, ``srun``) share a record without locks or a master; the
numbers are the same bit for bit.
"""

from se_probe.record.run import record_gates
from se_probe.running import pinned_numerics

__all__ = ["pinned_numerics", "record_gates"]
