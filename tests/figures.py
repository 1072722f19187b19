"""What tests look for in a figure."""

import numpy as np

# Of `pytest.mark.mpl_image_compare`.
LOOK = {"savefig_kwargs": {"dpi": 60}, "baseline_dir": "baseline"}


def legend_texts(figure):
    """Entries of the legend that the panels share."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def curve(ax, label):
    """The one line whose label begins so."""
    lines = [line for line in ax.lines if str(line.get_label()).startswith(label)]
    assert len(lines) == 1
    return lines[0]


def image_of(ax):
    """Values of the one image on axes."""
    (image,) = ax.images
    return np.asarray(image.get_array())
