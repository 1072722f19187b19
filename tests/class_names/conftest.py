"""Label sets that several tests of names share."""

import pytest

from se_probe.class_names import imagenet_labels


@pytest.fixture
def imagenet():
    return imagenet_labels()
