"""The gate record: one labelled array of every gate of every image.

A gate record is an ``xarray.DataArray`` named ``gate`` with dims ``(image, channel)``.
The channels of all SE blocks lie side by side in network order. On disk it is a Zarr
(format 3) group in which a chunk of rows is one batch of the recording network, so that
"this batch is done" is a property of the store itself (see :func:`create_record`).
"""

from se_probe.gates.blocks import (
    Channels,
    block_channels,
    block_facts,
    block_names,
    match_blocks,
)
from se_probe.gates.create import CONTEXT, create_record
from se_probe.gates.half import Dtype, check_dtype, rounding
from se_probe.gates.opening import context_of, open_context, open_gates, open_group
from se_probe.gates.places import is_record, remove_record
from se_probe.gates.record import (
    State,
    check_gates,
    make_gates,
    only_correct,
    recorded,
    row_states,
)
from se_probe.gates.remote import url_of
from se_probe.gates.rows import check_readable, row_batches
from se_probe.gates.saving import check_whole, save_gates
from se_probe.gates.store import (
    count_channels,
    damaged_batches,
    is_pending,
    pending_batches,
    read_image_ids,
    write_batch,
)

__all__ = [
    "CONTEXT",
    "Channels",
    "Dtype",
    "State",
    "block_channels",
    "block_facts",
    "block_names",
    "check_dtype",
    "check_gates",
    "check_readable",
    "check_whole",
    "context_of",
    "count_channels",
    "create_record",
    "damaged_batches",
    "is_pending",
    "is_record",
    "make_gates",
    "match_blocks",
    "only_correct",
    "open_context",
    "open_gates",
    "open_group",
    "pending_batches",
    "read_image_ids",
    "recorded",
    "remove_record",
    "rounding",
    "row_batches",
    "row_states",
    "save_gates",
    "url_of",
    "write_batch",
]
