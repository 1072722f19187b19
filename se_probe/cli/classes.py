"""``se-probe classes``: what would be taken for a name."""

import sys

from se_probe.cli.console import print_json, say
from se_probe.cli.options import Flag
from se_probe.errors import ClassNameError

__all__ = ["classes"]


def classes(names: list[str], /, *, json: Flag = False) -> None:
    """Show which ImageNet class would be taken for each name.

    Parameters
    ----------
    names
        Names, wnids or indices.
    json
        Print results as JSON.
    """
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
        sys.exit(ClassNameError.exit_status)
