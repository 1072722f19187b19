"""The plain network that is left when every SE block was folded away."""

import re
from pathlib import Path

from torch import Tensor, nn

from se_probe.blocks import unwrap
from se_probe.checkpoints import (
    TORCHVISION_PREFIX,
    ChannelScale,
    Network,
    base_name,
    build_model,
    canonical_name,
    load_weights,
    write_torch,
)
from se_probe.errors import ArchitectureError, CheckpointError
from se_probe.files import refuse_existing
from se_probe.models import list_architectures
from se_probe.pruning.sameness import (
    TOLERANCE,
    largest_difference,
    logits_of,
    noise_images,
)

__all__ = ["plain_architecture", "plain_state_dict", "save_plain_weights"]

_OTHER_WAYS = "Save the network as our own checkpoint, or export it to ONNX"
_SE_NAME = re.compile(r"(?P<legacy>legacy_)?se_?(?P<plain>.+)")


def plain_architecture(network: Network) -> str:
    """Name of the architecture without SE blocks: `resnet50` for timm's `seresnet50`.

    Parameters
    ----------
    network : Network

    Returns
    -------
    str
        A name for :func:`~se_probe.checkpoints.build_network`: one of timm's for its
        networks, one of torchvision's for ours.

    Raises
    ------
    ArchitectureError
        If there is no such architecture, or it is known to be another network.

    Examples
    --------
    >>> from se_probe.checkpoints import build_network
    >>> plain_architecture(build_network("se_resnet18"))
    'torchvision:resnet18'
    """
    arch = base_name(network.architecture) if network.architecture else ""
    match = _SE_NAME.fullmatch(arch)
    if match and match["legacy"]:
        raise ArchitectureError(
            f"{arch} without SE blocks is not {match['plain']}, although its weights "
            "fit there under other names: legacy networks pool without padding, and "
            "legacy ResNets put the stride of a bottleneck on another convolution. "
            f"{_OTHER_WAYS}"
        )
    try:
        prefix = TORCHVISION_PREFIX if arch in list_architectures() else ""
        return canonical_name(prefix + match["plain"] if match else "")
    except ArchitectureError:
        raise ArchitectureError(
            f"no plain architecture is known for {arch or type(network.model).__name__}"
            f", as resnet50 is for seresnet50. {_OTHER_WAYS}"
        ) from None


def plain_state_dict(network: Network) -> dict[str, Tensor]:
    """Weights of the plain network that computes what a fully folded one does.

    Parameters
    ----------
    network : Network
        All its SE blocks left out or folded into other layers.

    Returns
    -------
    dict of str to Tensor
        On the CPU; for the network of :func:`plain_architecture`. That its logits are
        the same was seen on images of noise.

    Raises
    ------
    CheckpointError
        If an SE block or a scale is left, or the plain network computes something else.
    ArchitectureError
        If there is no plain architecture.
    """
    plain, model = plain_architecture(network), unwrap(network.model)
    _refuse_scales(model)
    is_ours = network.architecture in list_architectures()
    # The options of ours are about SE blocks; whatever else they change shows below.
    options = {} if is_ours else network.options
    plain_model = build_model(plain, len(network.class_names), options)
    weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    load_weights(
        plain_model,
        weights,
        f"{network.architecture} does not fit {plain}",
        "Plain weights need every SE block folded or left out",
    )
    images = noise_images(network)
    expected = logits_of(model, images)
    logits = logits_of(plain_model.to(images), images)
    difference = largest_difference(logits, expected)
    if difference > TOLERANCE:
        raise CheckpointError(
            f"the weights of {network.architecture} fit {plain}, but it computes "
            f"something else with them: logits differ by {difference:.2g} of the "
            f"largest. {_OTHER_WAYS}"
        )
    return {name: tensor.clone() for name, tensor in weights.items()}


def save_plain_weights(
    network: Network, path: str | Path, *, overwrite: bool = False
) -> None:
    """Write the weights of :func:`plain_state_dict` to a file that torch reads.

    Raises
    ------
    CheckpointError
        If `path` exists and may not be overwritten, or cannot be written; or as
        :func:`plain_state_dict`.
    ArchitectureError
        If there is no plain architecture.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    write_torch(plain_state_dict(network), path)


def _refuse_scales(model: nn.Module) -> None:
    kept = [n for n, m in model.named_modules() if isinstance(m, ChannelScale)]
    if kept:
        raise CheckpointError(
            f"{len(kept)} frozen blocks stay as a scale (first: {kept[0]}), for which "
            f"a plain network has no place. {_OTHER_WAYS}"
        )
