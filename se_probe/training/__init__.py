"""Train the small networks: bit-for-bit reproducible, and resumable after a kill.

The way through, from names to a trained network on disk::

    recipe = recipe_for("se_lenet", "digits")
    network, train, test = prepare_training("se_lenet", "digits", recipe)
    network, history = train_network(network, train, test, recipe, out="se_lenet.pt")
    network.provenance.metrics["accuracy"], history[-1]["test_loss"]

`recipe_for(arch, data) -> Recipe` knows good settings; change them with
``dataclasses.replace(recipe, lr=0.01)``. `prepare_training` builds the network and
opens both splits, with `recipe.per_class` training images of each class; whoever has a
network and images already goes straight to `train_network`, which trains the
model in place, on the device it is on, and returns the network that says so. With `out`
there are, after every epoch, the last weights in `out`, the best in
``<stem>_best<suffix>``, and all that is needed to resume in ``<stem>_resume<suffix>``,
which goes away when training is done; ``resume=True`` resumes there and ends with
the same weights, bit for bit, as a run that was not stopped. Optimizers and schedules
are timm's.

Nothing that is random depends on what was drawn before: the order of the images, their
crops and flips and the dropout of an epoch are functions of (seed, epoch), and for one
image of (seed, epoch, index). So there is no random state to save.
"""

from se_probe.training.distillation import Distillation, softened_divergence
from se_probe.training.loop import train_network
from se_probe.training.prepare import check_is_split, prepare_training
from se_probe.training.recipes import Recipe, finetuning_recipe, recipe_for
from se_probe.training.state import EpochResult, History

__all__ = [
    "Distillation",
    "EpochResult",
    "History",
    "Recipe",
    "check_is_split",
    "finetuning_recipe",
    "prepare_training",
    "recipe_for",
    "softened_divergence",
    "train_network",
]
