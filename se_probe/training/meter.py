"""Loss and accuracy of an epoch."""

from torch import Tensor

from se_probe.errors import ImagesError

__all__ = ["Meter"]


class Meter:
    """Mean loss and accuracy over batches of unequal size."""

    def __init__(self) -> None:
        self.loss, self.n_correct, self.n_images = 0.0, 0, 0

    def add(self, loss: float, is_correct: Tensor) -> None:
        """Add a batch: its mean loss, and which images were right."""
        self.loss += loss * len(is_correct)
        self.n_correct += int(is_correct.sum())
        self.n_images += len(is_correct)

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy over all images.

        Returns
        -------
        loss, accuracy : float

        Raises
        ------
        ImagesError
            If there was none.
        """
        if not self.n_images:
            raise ImagesError("none of the images can be read, so there is no epoch")
        return self.loss / self.n_images, self.n_correct / self.n_images
