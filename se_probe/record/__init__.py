"""Run a network over labelled images and write down its gates.

A batch is the unit of work: it always holds the same rows, has the same shape, and is
one chunk of the record. So a killed run resumes at the batches that are not done, and
several processes (``torchrun``, ``srun``) share a record without locks or a master; the
numbers are the same bit for bit.
"""

from se_probe.record.cached import cached_record
from se_probe.record.run import record_gates
from se_probe.record.samples import open_images_of

__all__ = ["cached_record", "open_images_of", "record_gates"]
