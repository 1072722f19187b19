"""Whether a network can be measured, and whether a gate record is of it."""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from se_probe.blocks import FoundBlock, unwrap
from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import CheckpointError, GateRecordError
from se_probe.gates import block_facts, check_gates

__all__ = ["check_finite", "check_origin", "check_record_of", "check_weights"]


def check_finite(network: Network) -> None:
    """Check that the weights of a network are numbers.

    Raises
    ------
    CheckpointError
        Naming the first weight that holds NaN.
    """
    tensors = unwrap(network.model).state_dict()
    broken = [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and tensor.isnan().any()
    ]
    if broken:
        where = network.provenance.checkpoint or "the network"
        raise CheckpointError(
            f"the weights of {where} hold NaN in {len(broken)} of "
            f"{len(tensors)} tensors (first: {broken[0]}), so it computes nothing; "
            "take weights from before its training diverged"
        )


def check_weights(network: Network, record: xr.DataArray) -> None:
    """Check that a gate record was made with the weights of this network.

    A record that does not say of which weights it is passes.

    Raises
    ------
    GateRecordError
        If it was made with other weights.
    """
    theirs, own = str(record.attrs.get("sha256", "")), network.provenance
    # A network from a file is known by the file's hash, one without by its weights'.
    is_own = theirs in {"", own.sha256}
    if not is_own and theirs != weights_sha256(unwrap(network.model)):
        origin = record.attrs.get("checkpoint") or record.attrs.get("architecture")
        raise GateRecordError(
            f"the gate record is of other weights ({origin or 'unnamed'}, sha256 "
            f"{theirs[:12]}...) than {own.checkpoint or 'this network'} (sha256 "
            f"{own.sha256[:12] or 'of no file'}...). Record this network, or give the "
            "record's checkpoint"
        )


def check_record_of(
    network: Network, record: xr.DataArray, blocks: Sequence[FoundBlock]
) -> None:
    """Check that a gate record is one of this network.

    Parameters
    ----------
    network : Network
    record : xr.DataArray, dims (image, channel)
    blocks : sequence of FoundBlock
        Those needed; the record may hold more.

    Raises
    ------
    GateRecordError
        If it was made with other weights, or lacks one of the blocks.
    """
    check_weights(network, record)
    facts = {fact["name"]: fact for fact in block_facts(record)}
    for block in blocks:
        fact = facts.get(block.name, {})
        # Names follow the size of the images in networks that are not ResNet-shaped.
        is_same = fact.get("path", block.path) == block.path
        if not is_same or fact.get("channels") != block.channels:
            raise GateRecordError(
                f"expected {block.channels} gates of {block.name} ({block.path}) in "
                f"the record, got {_described(fact)}. Record this network"
            )


def check_origin(gates: xr.DataArray, network: Network) -> None:
    """Check that a gate record was made with this very network.

    Raises
    ------
    GateRecordError
        If it is of other weights, or does not say of which.

    Warns
    -----
    UserWarning
        If it was made with images of another size or preprocessing, on which gates have
        other means.
    """
    check_gates(gates)
    if not gates.attrs.get("sha256"):
        raise GateRecordError(
            "the gate record does not say of which checkpoint it is. Record it with "
            "`se-probe record`, or give the constants themselves"
        )
    check_weights(network, gates)
    _warn_of_other_images(gates.attrs.get("preprocessing"), network)


def _warn_of_other_images(theirs: Any, network: Network) -> None:
    own = json.loads(json.dumps(network.preprocessing.as_dict()))
    if theirs is None or theirs == own:
        return
    differing = [
        f"{key} {theirs.get(key)} (the network's own: {value})"
        for key, value in own.items()
        if theirs.get(key) != value
    ]
    warnings.warn(
        f"the gates were recorded with {', '.join(differing)}: on the network's own "
        "preprocessing they have other means",
        stacklevel=3,
    )


def _described(fact: Mapping[str, Any]) -> str:
    where = f" of {fact['path']}" if "path" in fact else ""
    return f"{fact['channels']}{where}" if fact else "none"
