"""One class, as it is named to the user."""

from label_sets import CIFAR10
from se_probe.class_names import echo, label_set


def test_echo_says_what_was_taken(imagenet):
    assert echo("plane", imagenet.find("plane")) == "plane -> 404 n02690373 airliner"
    assert echo(1, imagenet.find(1)) == "1 -> 1 n01443537 goldfish, Carassius auratus"
    assert echo("cat", label_set(CIFAR10).find("cat")) == "cat -> 3 cat"
