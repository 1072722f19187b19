"""The files that pruning writes: checked before the work, the checkpoint first."""

import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr
from torch import Tensor

from se_probe.checkpoints import Network, canonical_name, save_network
from se_probe.errors import CheckpointError, ImagesError, SEProbeError, UsageError
from se_probe.files import refuse_existing
from se_probe.images import Preprocessing, reopen_images
from se_probe.pruning.code import check_code, code_paths, export_code
from se_probe.pruning.export import Exported, check_export, export_network
from se_probe.pruning.plain import plain_architecture, save_plain_weights
from se_probe.running import only_tensor

__all__ = ["PruneOutputs", "Written", "recorded_images"]


@dataclass(frozen=True)
class Written:
    """What was written, and what could not be.

    Attributes
    ----------
    paths : tuple of Path
    exported : Exported or None
    failures : tuple of str
        Why each of the extra files is not there.
    """

    paths: tuple[Path, ...]
    exported: Exported | None = None
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class PruneOutputs:
    """Where a pruned network goes, and in which forms.

    Attributes
    ----------
    out : Path
        Our own checkpoint.
    plain : Path, optional
        State dict for the architecture without SE blocks.
    export : Path, optional
        ONNX (``.onnx``) or torch.export (``.pt2``).
    code : bool, default False
        Code that builds the network without se_probe, and weights for it, beside
        `out`.
    opset : int, optional
        Version of the ONNX operators.
    half : bool, default False
        Weights of the ONNX file in half precision.
    overwrite : bool, default False
    """

    out: Path
    plain: Path | None = None
    export: Path | None = None
    code: bool = False
    opset: int | None = None
    half: bool = False
    overwrite: bool = False
    _paths: tuple[Path, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        code = code_paths(self.out) if self.code else ()
        paths = [self.out, self.plain, self.export, *code]
        object.__setattr__(self, "_paths", tuple(path for path in paths if path))

    def check(self, network: Network) -> None:
        """Check all that can be known before the network is pruned.

        Parameters
        ----------
        network : Network
            The original.

        Raises
        ------
        UsageError
            If two files would be the same, a suffix means no format, or the network
            does not say its architecture.
        ArchitectureError
            If it cannot be built from a checkpoint, has no plain form, or no code can
            build it.
        CheckpointError
            If a file exists and may not be overwritten, or cannot be written.
        MissingPackageError
            If a package is missing.
        """
        if len({path.resolve() for path in self._paths}) < len(self._paths):
            names = ", ".join(map(str, self._paths))
            raise UsageError(f"each file needs a name of its own, got {names}")
        for path in self._paths:
            refuse_existing(path, overwrite=self.overwrite)
            _check_writable(path)
        if not network.architecture:
            raise UsageError(
                f"a {type(network.model).__name__} can only be saved with what builds "
                "it; give --arch package.module:factory"
            )
        canonical_name(network.architecture)
        if self.plain is not None:
            plain_architecture(network)
        if self.code:
            check_code(network)
        if self.export is not None:
            check_export(self.export, half=self.half, opset=self.opset)
        elif self.half or self.opset is not None:
            raise UsageError(
                "--half and --opset are about --export FILE.onnx; give one"
            )

    def write(self, network: Network, images: Tensor | None = None) -> Written:
        """Write a pruned network; the checkpoint first, so that nothing costs it.

        Parameters
        ----------
        network : Network
        images : Tensor, shape (batch, channels, height, width), optional
            Preprocessed images on which an exported file is compared.

        Returns
        -------
        Written
            What could not be written besides the checkpoint is among its `failures`.

        Raises
        ------
        CheckpointError
            If the checkpoint itself could not be written.
        """
        save_network(network, self.out, overwrite=self.overwrite)
        paths, failures, exported = [self.out], [], None
        if self.plain is not None:
            try:
                save_plain_weights(network, self.plain, overwrite=self.overwrite)
                paths.append(self.plain)
            except SEProbeError as error:
                failures.append(f"{self.plain} is not written: {error}")
        if self.code:
            try:
                export_code(network, self.out, overwrite=self.overwrite)
                paths += code_paths(self.out)
            except SEProbeError as error:
                failures.append(f"the code is not written: {error}")
        if self.export is not None:
            try:
                exported = export_network(
                    network,
                    self.export,
                    images,
                    opset=self.opset,
                    half=self.half,
                    overwrite=self.overwrite,
                )
                paths.append(self.export)
            except SEProbeError as error:
                failures.append(f"{self.export} is not written: {error}")
        return Written(tuple(paths), exported, tuple(failures))


def recorded_images(
    record: xr.DataArray, preprocessing: Preprocessing, n: int
) -> Tensor | None:
    """The first images of a gate record, where they are still there.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
    preprocessing : Preprocessing
    n : int

    Returns
    -------
    Tensor, shape (at most n, channels, height, width), or None

    Warns
    -----
    UserWarning
        If they are no longer there.
    """
    if "images" not in record.attrs:
        return None
    try:
        images = reopen_images(record.attrs["images"], preprocessing, batch_size=n)
        pixels = only_tensor(images.batch(0), "saving a pruned network")
        return pixels[: len(images)]
    except ImagesError as error:
        warnings.warn(str(error), stacklevel=2)
        return None


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path} could not be written: it is a folder")
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    try:
        # Rights alone do not tell: a folder may be on a disk that takes no files.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CheckpointError(
            f"{path} could not be written: {folder} cannot be written to "
            f"({error.strerror or error})"
        ) from error
