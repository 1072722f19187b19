"""Find the SE blocks of a network: probe it, and prove each gate."""

import re
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from se_probe.blocks.found import (
    FoundBlock,
    describe_hit,
    kind_of_class,
    macs_by_module,
)
from se_probe.blocks.names import kept_stages_and_numbers, stages_and_numbers
from se_probe.blocks.probe import Hit, Probe, as_it_was, run_probe
from se_probe.blocks.watch import unwrap
from se_probe.errors import BlockError

__all__ = ["find_se_blocks"]

# What hand-written SE blocks are called: SELayer, SEBlock, SqueezeExcite, ECALayer ...
_SE_LIKE = re.compile(
    r"^(e?se|ecs?a)(_?(layer|block|module|net|unit))?$|^squeeze_?excit", re.I
)
_DOUBLINGS = 3


def find_se_blocks(model: nn.Module, batch: Tensor) -> list[FoundBlock]:
    """SE blocks of a network, in the order in which it runs them.

    A probe of two different images runs in evaluation mode with gradients. Kept is
    every multiplication of a feature map by one number per channel and image that was
    computed from this map by learned layers. The model is left as it was: mode,
    gradients, hooks, weights.

    Parameters
    ----------
    model : nn.Module
    batch : Tensor, shape (batch, channels, height, width)
        Preprocessed images; the first two that differ are used.

    Returns
    -------
    list of FoundBlock
        Never empty.

    Raises
    ------
    BlockError
        If there is no SE block; if an SE block is registered but takes no part in the
        forward pass; if one runs more than once.

    Warns
    -----
    UserWarning
        Naming the blocks whose gates are the same for both images.

    Examples
    --------
    >>> import torch
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> blocks = find_se_blocks(create_model("se_lenet", 10), torch.rand(2, 1, 28, 28))
    >>> [(block.path, block.channels, block.reduction) for block in blocks]
    [('se', 16, 4.0)]
    """
    model = unwrap(model)
    images = _two_images(batch, model)
    with as_it_was(model):
        probe = run_probe(model, images)
        for _ in range(_DOUBLINGS):
            if not probe.too_small:
                break
            larger = functional.interpolate(images, scale_factor=2, mode="bilinear")
            try:
                probe = run_probe(model, larger)
            except RuntimeError:  # a network of one input size only
                break
            images = larger
        macs = macs_by_module(model, batch[:1].to(images))
    _refuse_idle_blocks(model, probe)
    if not probe.hits:
        raise BlockError(
            f"{type(model).__name__} has no SE blocks: it never multiplies a feature "
            "map by one gate per channel computed from it"
        )
    _warn_of_constant_gates(probe.hits)
    places = [(hit.product.path, hit.product.occurrence) for hit in probe.hits]
    names = kept_stages_and_numbers(model, places) or stages_and_numbers(
        [path for path, _ in places],
        [images.shape[-1] / hit.side for hit in probe.hits],
    )
    return [
        describe_hit(model, hit, stage, number, macs)
        for hit, (stage, number) in zip(probe.hits, names, strict=True)
    ]


def _two_images(batch: Tensor, model: nn.Module) -> Tensor:
    """Two different images; noise takes the second place where the batch has one."""
    first = batch[:1]
    other = next(
        (image for image in batch[1:] if not torch.equal(image, first[0])), None
    )
    if other is None:
        generator = torch.Generator().manual_seed(0)
        other = torch.randn(first.shape[1:], generator=generator).to(first)
    images = torch.stack([first[0], other])
    parameter = next((p for p in model.parameters() if p.is_floating_point()), images)
    return images.to(parameter.device, parameter.dtype)


def _refuse_idle_blocks(model: nn.Module, probe: Probe) -> None:
    """An SE block that takes no part would look like one that was never recorded."""
    used = {hit.product.path for hit in probe.hits}
    gating_classes = {type(model.get_submodule(path)) for path in used}
    for path, module in model.named_modules():
        if path in used or any(above in used for above in _ancestors(path)):
            continue
        class_name = type(module).__name__
        known = kind_of_class(module) is not None
        if known and probe.calls[path] and _scales_channels(module):
            raise BlockError(
                f"the SE block {path!r} ({class_name}) runs, but its gate never "
                "multiplies a feature map that it was computed from"
            )
        looks_like_one = type(module) in gating_classes or _SE_LIKE.match(class_name)
        is_block = known or (looks_like_one and any(True for _ in module.parameters()))
        if is_block and not probe.calls[path]:
            raise BlockError(
                f"the SE block {path!r} ({class_name}) is registered but never called: "
                "the network computes without it. Call it in forward, or remove it"
            )


def _scales_channels(module: nn.Module) -> bool:
    # The paper's NoSqueeze variant gates every position by itself.
    return not isinstance(getattr(module, "squeeze", None), nn.Identity)


def _ancestors(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _warn_of_constant_gates(hits: Sequence[Hit]) -> None:
    constant = [
        h.product.path for h in hits if torch.allclose(h.rows[0], h.rows[1], atol=1e-6)
    ]
    if constant:
        warnings.warn(
            f"the gates of {len(constant)} of {len(hits)} SE blocks are the same for "
            f"two different images ({', '.join(constant[:3])}"
            f"{', ...' if len(constant) > 3 else ''}): the blocks are collapsed, or "
            "the network is freshly initialised with zeros before them",
            stacklevel=3,
        )
