"""A dozen lines of code that build a pruned network without se_probe."""

from pathlib import Path
from typing import Any

import torch

from se_probe.blocks import unwrap
from se_probe.checkpoints import (
    TORCHVISION_PREFIX,
    ChannelScale,
    Network,
    is_factory,
    write_torch,
)
from se_probe.errors import ArchitectureError
from se_probe.files import refuse_existing, write_whole
from se_probe.models import list_architectures

__all__ = ["check_code", "code_paths", "export_code"]

_SCALE = '''
class Scale(nn.Module):
    """Constant gates that no other layer could take up."""

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("scale", torch.ones(shape))

    def forward(self, x):
        return x * self.scale

'''
_CODE = '''"""{title}

Needs {packages}, and the weights in {weights} beside this file.

    from {module} import build
    model = build()  # in evaluation mode

Images are prepared so: {preprocessing}
"""

from pathlib import Path

{imports}
{scale}
# Blocks that are gone: what they did is in the weights of other layers.
REMOVED = {removed}
# Blocks of which constant gates are left, and their shapes.
SCALES = {scales}


def build(weights=Path(__file__).with_name("{weights}")):
    model = {call}
    for path in REMOVED:
        model.set_submodule(path, nn.Identity())
    for path, shape in SCALES.items():
        model.set_submodule(path, Scale(shape))
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()
'''


def code_paths(out: str | Path) -> tuple[Path, Path]:
    """Where the code and the weights for a checkpoint go: beside it.

    Parameters
    ----------
    out : path
        Of the checkpoint.

    Returns
    -------
    code, weights : Path
        For ``small.pt`` they are ``small_model.py`` and ``small_weights.pt``.
    """
    stem = "".join(c if c.isalnum() else "_" for c in Path(out).stem)
    folder = Path(out).parent
    return folder / f"{stem}_model.py", folder / f"{stem}_weights.pt"


def check_code(network: Network) -> None:
    """Check that a network can be built without se_probe.

    Raises
    ------
    ArchitectureError
        If its architecture is one of ours, or not known.
    """
    arch = network.architecture
    if not arch or arch in list_architectures():
        raise ArchitectureError(
            f"{arch or type(network.model).__name__} is built by se_probe, so no code "
            "can build it without; code is written for networks of timm, of "
            "torchvision, and of a function of your own. Export it to ONNX or .pt2"
        )


def export_code(network: Network, out: str | Path, *, overwrite: bool = False) -> None:
    """Write code that builds a pruned network without se_probe, and its weights.

    Parameters
    ----------
    network : Network
        Of timm, torchvision, or a function of the reader's own.
    out : path
        Of its checkpoint; see :func:`code_paths`.
    overwrite : bool, default False

    Raises
    ------
    ArchitectureError
        If its architecture is one of ours, or not known.
    CheckpointError
        If a file exists and may not be overwritten, or cannot be written.
    """
    check_code(network)
    code, weights = code_paths(out)
    for path in (code, weights):
        refuse_existing(path, overwrite=overwrite)
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in unwrap(network.model).state_dict().items()
    }
    write_torch(tensors, weights)
    text = _text(network, code.stem, weights.name)
    write_whole(code, lambda part: part.write_text(text))


def _text(network: Network, module: str, weights: str) -> str:
    model = unwrap(network.model)
    paths = [str(block["path"]) for block in network.provenance.removed_blocks]
    scales = {
        path: tuple(left.scale.shape)
        for path in paths
        if isinstance(left := model.get_submodule(path), ChannelScale)
    }
    gone = [path for path in paths if path not in scales]
    package, line, call = _builder(network)
    return _CODE.format(
        title=f"{network.architecture} without {len(paths)} SE blocks.",
        packages=f"torch and {package}",
        weights=weights,
        module=module,
        preprocessing=network.preprocessing.as_dict(),
        imports=f"{line}\nimport torch\nfrom torch import nn",
        scale=_SCALE if scales else "",
        removed=_listed(gone),
        scales=_mapped(scales),
        call=call,
    )


def _builder(network: Network) -> tuple[str, str, str]:
    """Package that builds a network, its import, and the call."""
    arch, n_classes = network.architecture, len(network.class_names)
    options: dict[str, Any] = dict(network.options)
    if is_factory(arch):
        package, _, function = arch.partition(":")
        line = f"from {package} import {function}"
        return package.partition(".")[0], line, _call(function, options)
    options = {"num_classes": n_classes} | options
    if arch.startswith(TORCHVISION_PREFIX):
        name = arch.removeprefix(TORCHVISION_PREFIX)
        return (
            "torchvision",
            "import torchvision",
            _call(f"torchvision.models.{name}", options),
        )
    return "timm", "import timm", _call("timm.create_model", options, repr(arch))


def _call(function: str, options: dict[str, Any], *first: str) -> str:
    given = [*first, *(f"{key}={value!r}" for key, value in options.items())]
    return f"{function}({', '.join(given)})"


def _listed(paths: list[str]) -> str:
    lines = "".join(f"    {path!r},\n" for path in paths)
    return f"[\n{lines}]" if paths else "[]"


def _mapped(scales: dict[str, tuple[int, ...]]) -> str:
    lines = "".join(f"    {path!r}: {shape},\n" for path, shape in scales.items())
    return f"{{\n{lines}}}" if scales else "{}"
