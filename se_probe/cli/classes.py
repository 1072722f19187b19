"""``se-probe classes``: what would be taken for a name."""

from typing import Annotated

import typer

from se_probe.cli import options
from se_probe.cli.console import print_json, say
from se_probe.errors import ClassNameError

__all__ = ["classes"]


def classes(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Name, wnid or index.")
    ],
    json: options.Json = False,
) -> None:
    """Show which ImageNet class would be taken for each name."""
    from se_probe.class_names import echo, imagenet_labels

    found, failed = [], False
    for name in names:
        try:
            label = imagenet_labels().find(name)
        except ClassNameError as error:
            say(f"se-probe: {error}")
            failed = True
            continue
        found.append({"query": name, **vars(label)})
        if not json:
            print(f"{echo(name, label)}\n    {label.gloss}")
    if json:
        print_json(found)
    if failed:
        raise typer.Exit(ClassNameError.exit_status)
