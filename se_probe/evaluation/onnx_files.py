"""ONNX files, evaluated like networks of torch."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.checkpoints import Network, Provenance
from se_probe.errors import CheckpointError, MissingPackageError, SEProbeError
from se_probe.files import file_sha256
from se_probe.images import Preprocessing

__all__ = ["OnnxModel", "open_onnx", "seal_onnx"]

_SUM = "sha256"


# Weights are of these; shapes and axes, which are initializers too, are int64.
_NUMBER_TYPES = ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8")


class OnnxModel(nn.Module):
    """What an ONNX file computes, by ONNX Runtime on the CPU.

    Parameters
    ----------
    path : Path
    threads : int, optional
        Default: as torch is set.

    Attributes
    ----------
    n_parameters, n_bytes : int
        Of the weights in the file; a scale or zero point is one as well.
    is_altered : bool
        Whether the file does not have the sum that it says it has.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        super().__init__()
        import onnx
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3
        content = path.read_bytes()
        try:
            file = onnx.load_from_string(content)
            self.session: Any = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # The parsers raise types of their own for files that are none of theirs.
            raise CheckpointError(
                f"{path.name} is no ONNX file that can be run: "
                f"{str(error).partition(chr(10))[0]}"
            ) from error
        kinds = {getattr(onnx.TensorProto, name) for name in _NUMBER_TYPES}
        weights = [t for t in file.graph.initializer if t.data_type in kinds]
        self.n_parameters = sum(_count(tensor.dims) for tensor in weights)
        self.n_bytes = sum(len(tensor.raw_data) for tensor in weights)
        self.facts = {each.key: each.value for each in file.metadata_props}
        self.is_altered = self.facts.get(_SUM, _sum(file)) != _sum(file)
        # Says where the network is and in which numbers, as that of torch does.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch."""
        (name,) = [each.name for each in self.session.get_inputs()]
        logits, *_ = self.session.run(None, {name: images.cpu().numpy()})
        return torch.from_numpy(logits)


def seal_onnx(file: Any, facts: Mapping[str, str]) -> None:
    """Give an ONNX model its metadata, among them a sum of all that it holds.

    Parameters
    ----------
    file : onnx.ModelProto
        Changed in place.
    facts : mapping of str to str
    """
    import onnx

    onnx.helper.set_model_props(file, {k: v for k, v in facts.items() if k != _SUM})
    onnx.helper.set_model_props(file, {**facts, _SUM: _sum(file)})


def _sum(file: Any) -> str:
    """SHA-256 of a model and of its metadata, its own sum aside."""
    sums = [each for each in file.metadata_props if each.key == _SUM]
    for each in sums:
        file.metadata_props.remove(each)
    found = hashlib.sha256(file.SerializeToString(deterministic=True)).hexdigest()
    file.metadata_props.extend(sums)
    return found


def _count(dims: Any) -> int:
    n = 1
    for size in dims:
        n *= size
    return n


def open_onnx(path: str | Path, like: Network | None = None) -> Network:
    """ONNX file as a network that can be evaluated, and nothing more.

    Parameters
    ----------
    path : path
    like : Network, optional
        Whose preprocessing and class names are taken where the file's metadata do not
        say them; :func:`~se_probe.pruning.export_network` writes both.

    Returns
    -------
    Network

    Raises
    ------
    MissingPackageError
        If onnx or onnxruntime is not installed.
    CheckpointError
        If the file cannot be read, or nothing says how images are prepared.
    SEProbeError
        If its metadata make no sense.

    Warns
    -----
    UserWarning
        If the file is not as :func:`~se_probe.pruning.export_network` wrote it.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    try:
        model = OnnxModel(path)
    except ImportError as error:
        raise MissingPackageError(
            f'ONNX files need {error.name}: pip install "se-probe[export]"'
        ) from error
    facts: Mapping[str, str] = model.facts
    if model.is_altered:
        warnings.warn(
            f"{path.name} is not as se_probe exported it: another program changed it, "
            "or it is damaged",
            stacklevel=2,
        )
    if like is None and not {"preprocessing", "class_names"} <= facts.keys():
        raise CheckpointError(
            f"{path.name} does not say how images are prepared and what its outputs "
            "are called; compare it with its original (--against), or export it with "
            "`se-probe prune --export`"
        )
    try:
        return _described(model, path, like)
    except SEProbeError:
        raise
    except Exception as error:  # whatever facts that make no sense lead to
        raise CheckpointError(
            f"the metadata of {path.name} are damaged ({error}): export it again"
        ) from error


def _described(model: OnnxModel, path: Path, like: Network | None) -> Network:
    """The model with what its metadata say."""
    facts: Mapping[str, str] = model.facts
    if "preprocessing" in facts:
        preprocessing = Preprocessing.from_dict(json.loads(facts["preprocessing"]))
        # Of a known label set more is known than the names: wnids, for instance.
        names = json.loads(facts.get("label_set", facts["class_names"]))
        if not isinstance(names, str | list):
            raise TypeError("no list of class names")
    else:
        assert like is not None
        preprocessing, names = like.preprocessing, like.class_names
    if like is not None and [label.name for label in like.class_names] == names:
        names = like.class_names
    removed = [dict(block) for block in json.loads(facts.get("removed_blocks", "[]"))]
    provenance = Provenance(path.name, file_sha256(path), removed_blocks=tuple(removed))
    return Network(
        model.eval(),
        preprocessing,
        names,
        facts.get("architecture", ""),
        provenance=provenance,
    )
