"""A torch Dataset made by a function of the reader's own, named on the command line."""

import importlib
import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from se_probe.errors import ImagesError
from se_probe.images.datasets import dataset_pictures
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Preprocessing
from se_probe.running import importable_from_here

__all__ = ["factory_pictures", "is_factory"]


def is_factory(source: str) -> bool:
    """Whether a text has the form `package.module:factory`, and is no path."""
    form = r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*"
    return re.fullmatch(form, source) is not None and not Path(source).exists()


def factory_pictures(source: str, preprocessing: Preprocessing | None) -> Pictures:
    """Pictures of the torch Dataset that a function returns.

    Parameters
    ----------
    source : str
        `package.module:factory`; the working folder is searched too. The function
        takes no arguments. A Dataset itself will do.
    preprocessing : Preprocessing, optional

    Returns
    -------
    Pictures

    Raises
    ------
    ImagesError
        If it cannot be imported or called, or gives no Dataset.
    """
    with importable_from_here():
        dataset = _made_by(source)
    pictures = dataset_pictures(dataset, preprocessing)
    return replace(pictures, facts={**pictures.facts, "path": source})


def _made_by(source: str) -> Any:
    module_name, _, path = source.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise ImagesError(
            f"{source} cannot be imported ({error}): run this in the folder that holds "
            "the module, or install its package"
        ) from error
    for part in path.split("."):
        found = getattr(found, part, None)
    is_made = hasattr(found, "__getitem__") and not isinstance(found, type)
    if is_made:
        return found
    if not callable(found):
        raise ImagesError(f"{module_name} has no function {path}")
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise ImagesError(
            f"{source} cannot be called without arguments ({error}); write a function "
            "that needs none and returns the torch Dataset"
        ) from error
    return found()
