"""Record, look at, and decide on the gates of squeeze-and-excitation networks.

The way through, left to right::

    checkpoints.load_network -> blocks.find_se_blocks -> record.record_gates
        -> views.class_profiles -> plots.figure_profiles

`class_names`, `gates`, `stats`, `views` and `plots` never import torch: a saved gate
record is enough to study. Import what you need from its module, for example
``from se_probe.stats import class_moments``.
"""

__version__ = "0.1.0"
