"""Short trainings that several tests make."""

from se_probe.training import Recipe, prepare_training, train_network

__all__ = ["SHORT", "Stopped", "prepared", "stop_after", "trained", "without_seconds"]

SHORT = Recipe(
    "sgd",
    lr=0.05,
    epochs=3,
    batch_size=16,
    warmup_epochs=1,
    schedule="cosine",
    label_smoothing=0.1,
    crop_padding=2,
    flip=True,
    per_class=5,
)


class Stopped(BaseException):
    """As Ctrl-C: nothing that trains catches it."""


def prepared(recipe=SHORT):
    network, train_images, test_images = prepare_training("se_lenet", "digits", recipe)
    return network, train_images, test_images.take({}, 5)


def trained(recipe=SHORT, **options):
    network, train_images, test_images = prepared(recipe)
    return train_network(network, train_images, test_images, recipe, **options)


def stop_after(n_epochs):
    def on_epoch(result):
        if result["epoch"] == n_epochs:
            raise Stopped

    return on_epoch


def without_seconds(history):
    return [{k: v for k, v in result.items() if k != "seconds"} for result in history]
