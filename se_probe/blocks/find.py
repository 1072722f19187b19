"""Find the SE blocks of a network: probe it, and prove each gate."""

import re
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from se_probe.blocks.found import FoundBlock, describe_hit, macs_by_module
from se_probe.blocks.hits import Hit
from se_probe.blocks.names import (
    kept_stages_and_numbers,
    stages_and_numbers,
    stride,
)
from se_probe.blocks.notes import constant_notes, missed_notes
from se_probe.blocks.probe import Probe, as_it_was, run_probe
from se_probe.blocks.watch import unwrap
from se_probe.errors import BlockError
from se_probe.running import (
    Inputs,
    input_tensors,
    main_tensor,
    map_inputs,
    n_samples,
    to_device_of,
)

__all__ = ["Findings", "examine_network", "find_se_blocks"]

_DOUBLINGS = 3
_MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}


@dataclass(frozen=True)
class Findings:
    """What a network was seen to do with gates.

    Attributes
    ----------
    blocks : list of FoundBlock
        In the order in which the network runs them; may be empty.
    missed : tuple of str
        A sentence on everything that looks like a block and is not among them.
    constant : tuple of str
        A sentence on blocks whose gates do not depend on the sample, if there are any.
    """

    blocks: list[FoundBlock]
    missed: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """All sentences."""
        return self.missed + self.constant


def find_se_blocks(
    model: nn.Module, batch: Inputs, *, strict: bool = False
) -> list[FoundBlock]:
    """SE blocks of a network, in the order in which it runs them.

    A probe of two different samples runs in evaluation mode with gradients. Kept is
    every multiplication of a feature map by one number per channel and sample that was
    computed from this map by learned layers. The model is left as it was: mode,
    gradients, hooks, weights.

    Parameters
    ----------
    model : nn.Module
    batch : Tensor, tuple or dict of Tensor, each with the samples along its first axis
        Preprocessed images, or whatever the network takes; a tuple (or a dict, by the
        names of its arguments) for networks with several inputs. The first two samples
        that differ are used.
    strict : bool, default False
        Refuse a network in which anything looks like a block and is none.

    Returns
    -------
    list of FoundBlock
        Never empty.

    Raises
    ------
    BlockError
        If there is no SE block; with `strict` also for anything that looks like one
        and is none. The network's own errors, where it does not take the batch, come
        through.

    Warns
    -----
    UserWarning
        For each of the notes of :func:`examine_network`.

    Examples
    --------
    >>> import torch
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> blocks = find_se_blocks(create_model("se_lenet", 10), torch.rand(2, 1, 28, 28))
    >>> [(block.path, block.channels, block.reduction) for block in blocks]
    [('se', 16, 4.0)]
    """
    findings = examine_network(model, batch, strict=strict)
    for note in findings.notes:
        warnings.warn(note, stacklevel=2)
    return findings.blocks


def examine_network(
    model: nn.Module, batch: Inputs, *, strict: bool = False
) -> Findings:
    """SE blocks of a network, and what looks like one and is not among them.

    Named are modules of a class that gates elsewhere in the network but was not seen to
    gate, blocks that are registered but never called, blocks that run more than once or
    on several parts of each sample, softmax weights of branches (selective kernels),
    and blocks whose gates are the same for both samples.

    Parameters
    ----------
    model, batch, strict
        As for :func:`find_se_blocks`.

    Returns
    -------
    Findings

    Raises
    ------
    BlockError
        As :func:`find_se_blocks`.
    """
    model = unwrap(model)
    inputs = _two_samples(batch, model)
    with as_it_was(model):
        probe, inputs = _probed(model, inputs)
        first = map_inputs(lambda tensor: tensor[:1], batch)
        macs = macs_by_module(model, to_device_of(model, first))
    hits = [hit for hit in probe.hits if probe.calls[hit.product.path] == 1]
    missed, constant = missed_notes(model, probe, hits), constant_notes(hits)
    if not hits:
        raise BlockError(_none_found(model, missed))
    if strict and missed:
        raise BlockError(missed[0])
    return Findings(
        _described(model, hits, inputs, macs), tuple(missed), tuple(constant)
    )


def _none_found(model: nn.Module, notes: list[str]) -> str:
    name = type(model).__name__
    if notes:
        return f"{name} has no SE blocks that can be recorded: {'; '.join(notes)}"
    return (
        f"{name} has no SE blocks: it never multiplies a feature map by one gate per "
        "channel computed from it"
    )


def _described(
    model: nn.Module, hits: list[Hit], inputs: Inputs, macs: dict[str, int]
) -> list[FoundBlock]:
    sample = main_tensor(inputs)
    places = [(hit.product.path, hit.product.occurrence) for hit in hits]
    names = kept_stages_and_numbers(model, places) or stages_and_numbers(
        [path for path, _ in places],
        [stride(sample.shape[2:], hit.positions) for hit in hits],
    )
    return [
        describe_hit(model, hit, stage, number, macs)
        for hit, (stage, number) in zip(hits, names, strict=True)
    ]


def _probed(model: nn.Module, inputs: Inputs) -> tuple[Probe, Inputs]:
    """What two samples showed; larger ones, where maps had but one position."""
    try:
        probe = run_probe(model, inputs)
    except RuntimeError as error:
        # Only where shapes disagree: what else a network raises is its own affair.
        if not _SHAPES_DISAGREE.search(str(error)):
            raise
        raise BlockError(_about_shape(inputs, error)) from error
    for _ in range(_DOUBLINGS):
        if not probe.too_small:
            break
        larger = map_inputs(_doubled, inputs)
        try:
            probe = run_probe(model, larger)
        except Exception:  # a network of one input size only says so in its own way
            break
        inputs = larger
    return probe, inputs


_SHAPES_DISAGREE = re.compile(
    r"shapes? cannot be multiplied|expected input.* to have|must match the size|"
    r"is invalid for input of size|Kernel size can't be greater|size mismatch"
)


def _about_shape(inputs: Inputs, error: RuntimeError) -> str:
    tensors = input_tensors(inputs)
    shapes = " and ".join(" x ".join(map(str, tensor.shape[1:])) for tensor in tensors)
    reason = str(error).partition("\n")[0].rstrip(".")
    return (
        f"the network does not take samples of {shapes} ({reason}): give the side that "
        "it is made for with --image-size (in Python, a batch of that shape)"
    )


def _doubled(tensor: Tensor) -> Tensor:
    mode = _MODES.get(tensor.ndim)
    if mode is None or not tensor.is_floating_point():
        return tensor
    return functional.interpolate(tensor, scale_factor=2, mode=mode)


def _two_samples(batch: Inputs, model: nn.Module) -> Inputs:
    """Two different samples; noise takes the second place where the batch has one."""
    tensors = input_tensors(batch)
    other = next(
        (
            number
            for number in range(1, n_samples(batch))
            if any(not torch.equal(tensor[number], tensor[0]) for tensor in tensors)
        ),
        None,
    )

    def pair(tensor: Tensor) -> Tensor:
        if other is not None:
            return tensor[[0, other]]
        if not tensor.is_floating_point():
            return tensor[[0, 0]]
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(tensor.shape[1:], generator=generator).to(tensor)
        return torch.stack([tensor[0], noise])

    return to_device_of(model, map_inputs(pair, batch))
