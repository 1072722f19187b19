"""What a reader can choose with the keyboard: widgets, and nothing that they do."""

from collections.abc import Sequence

from bokeh.models import (
    Button,
    InlineStyleSheet,
    MultiSelect,
    Row,
    Select,
    Spinner,
    TextInput,
)

from se_probe.explore.look import SHEET
from se_probe.explore.state import MAX_CLASSES, Exploration

__all__ = ["EVERYBODY", "NOBODY", "WRONG", "Controls", "flowing"]

NOBODY, EVERYBODY, WRONG = "no images", "all images of the map", "wrongly classified"
_ORDERS = [
    ("index", "as in the network"),
    ("class", "by the class that opens them most"),
]


class Controls:
    """Widgets of the explorer, showing what is chosen.

    Attributes
    ----------
    block, order, images, theme : Select
    classes : MultiSelect
    find, folder : TextInput
    channel : Spinner
    save : Button
    """

    def __init__(self, look: Exploration, folder: str) -> None:
        sheet = InlineStyleSheet(css=SHEET)
        self.block = Select(title="SE block", options=look.blocks, width=130)
        self.channel = Spinner(low=0, step=1, width=130)
        self.find = TextInput(
            title="Find classes (names, wnids, indices; Enter)",
            placeholder="goldfish, plane",
            width=250,
        )
        # Not MultiChoice, which takes names for HTML.
        self.classes = MultiSelect(
            title=f"Classes (up to {MAX_CLASSES})",
            options=look.all_classes,
            size=4,
            width=250,
        )
        self.order = Select(title="Channels of the heatmap", options=_ORDERS, width=210)
        self.images = Select(title="Select images", options=[NOBODY], width=215)
        self.theme = Select(title="Page", options=["light", "dark"], width=80)
        self.theme.value = "light"
        self.folder = TextInput(title="Save figures to", value=folder, width=200)
        self.save = Button(label="Save", width=70, align="end")
        for widget in self.every:
            widget.stylesheets = [*widget.stylesheets, sheet]
        self.show(look)

    @property
    def every(self) -> Sequence[Select | Spinner | TextInput | MultiSelect | Button]:
        """All widgets, in the order of the tab key."""
        return (
            self.block,
            self.channel,
            self.find,
            self.classes,
            self.order,
            self.images,
            self.theme,
            self.folder,
            self.save,
        )

    def show(self, look: Exploration) -> None:
        """Show what is chosen now."""
        self.block.value = look.block
        # Not `high`: the page would cut the old value to it, and answer with that.
        title = f"Channel, 0 to {look.highest_channel}"
        self.channel.update(title=title, value=look.channel)
        self.classes.value = look.classes
        self.order.value = look.channel_order
        of_class = [(f"class:{name}", f"class {name}") for name in look.classes]
        chosen = [(name, name) for name in (NOBODY, EVERYBODY, WRONG)]
        self.images.options = [("", "as drawn with the lasso"), *chosen, *of_class]

    def layout(self) -> Row:
        """Widgets side by side, in as many rows as the window needs."""
        return flowing(self.every)


def flowing(children: Sequence[object]) -> Row:
    """Row that breaks where the window ends.

    Returns
    -------
    Row
    """
    return Row(
        children=list(children),
        sizing_mode="stretch_width",
        styles={"flex-wrap": "wrap"},
        spacing=8,
    )
