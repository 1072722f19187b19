"""``se-probe compare``: two gate records of the same images."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from se_probe.cli.console import (
    print_json,
    print_table,
    progress_bar,
    say,
    typed_command,
)
from se_probe.cli.options import TO_THE_READER, NonNegative, OutputOptions
from se_probe.cli.sources import record_from

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["compare"]

_IN_ORDER = {"auto": None, "yes": True, "no": False}


def compare(
    first: Path,
    second: Path,
    /,
    *,
    same_channels: Literal["auto", "yes", "no"] = "auto",
    resamples: NonNegative = 200,
    seed: NonNegative = 0,
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    output: OutputOptions = TO_THE_READER,
) -> None:
    """Compare two gate records of the same images, block by block.

    The same images through two networks (epochs, seeds, before and after pruning), or
    two versions of the images (clean and corrupted) through one. Images are matched by
    their ids.

    Parameters
    ----------
    first
        A gate record (RUN.zarr).
    second
        Another one; changes are second minus first.
    same_channels
        Whether channel k is the same channel in both; auto finds out and says why.
    resamples
        Bootstrap resamples over images; 0 for no intervals.
    seed
        Random seed.
    out
        Output folder for the figure and its numbers.
    """
    from se_probe.views import comparison_profile, describe_comparison

    one, other = (record_from(path, quiet=output.quiet) for path in (first, second))
    with progress_bar("comparing", quiet=output.quiet, unit="blocks") as progress:
        view = comparison_profile(
            one,
            other,
            _labels(first, second),
            is_in_order=_IN_ORDER[same_channels],
            n_resamples=resamples,
            seed=seed,
            progress=progress,
        )
    if output.json:
        print_json(_facts(view) | {"records": [str(first), str(second)]})
    else:
        _print(view)
        print(*describe_comparison(view), sep="\n")
    if out is not None:
        for path in _write(view, out, first, second):
            if not output.quiet:
                say(f"wrote {path}")


def _labels(first: Path, second: Path) -> tuple[str, str]:
    """Names of the two, as short as they tell them apart."""
    if first.name != second.name:
        return first.name.partition(".")[0], second.name.partition(".")[0]
    return str(first), str(second)


def _facts(view: "xr.Dataset") -> dict[str, Any]:
    """All of it in plain JSON types."""
    from se_probe import views

    about = {key: value for key, value in view.attrs.items() if key != "image_folders"}
    return about | {
        "blocks": views.comparison_table(view).to_dict("records"),
        "classes": views.moved_classes(view).to_dict("records"),
        "channels": views.moved_channels(view).to_dict("records"),
        "words": views.describe_comparison(view),
    }


def _print(view: "xr.Dataset") -> None:
    columns = {
        "block": "block",
        "gate_difference": "gate difference",
        "correlation": "correlation",
        "class_share_change": "class share change",
        "separability_change": "separability change",
        "cka": "CKA",
        "profile_difference": "sorted difference",
    }
    if not view.attrs["is_in_order"]:
        columns.pop("gate_difference")
        columns.pop("correlation")
    rows = [
        [_cell(view.sel(block=name), key) for key in columns]
        for name in view["block"].values
    ]
    print_table("Block by block", list(columns.values()), rows)


def _cell(one: "xr.Dataset", key: str) -> Any:
    if key == "block":
        return str(one["block"].item())
    value = one[key].item()
    if math.isnan(value):
        return "not known"
    low, high = (
        one[f"{key}_{end}"].item() if f"{key}_{end}" in one else math.nan
        for end in ("low", "high")
    )
    if math.isnan(low):
        return value
    return f"{value:.3g} ({low:.3g} to {high:.3g})"


def _write(view: "xr.Dataset", out: Path, first: Path, second: Path) -> list[Path]:
    from se_probe import plots, views

    source = {
        "first": str(first),
        "second": str(second),
        "command": typed_command(),
    }
    figure = plots.figure_comparison(view)
    tables = {
        "comparison": views.comparison_table(view),
        "moved_classes": views.moved_classes(view),
        "moved_channels": views.moved_channels(view, 100),
    }
    written = [plots.save(figure, out / f"comparison.{end}") for end in ("png", "pdf")]
    written += [
        plots.save_table(table, out / f"{name}.csv")
        for name, table in tables.items()
        if len(table)
    ]
    caption = views.comparison_caption(view, source)
    return [*written, plots.save_caption(caption, out / "comparison.txt")]
