"""The training images by their bytes, for painters that paint something of the photo whose subject they paint for."""

from collections import defaultdict

import numpy as np

from aga_lightning.augment.base import SubjectSource
from aga_lightning.images.pixels import Image, Mask


class Sources:
    """Finds a scene's own photo among the training images.

    Args:
        training: The training images; none is opened before it is asked for, and none is kept.
    """

    def __init__(self, training: SubjectSource) -> None:
        self._training = training
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, digest in enumerate(training.digests):
            self._places[digest].append(index)

    def isolated(self, digest: str) -> tuple[Image, Mask]:
        """A photo, and the mask of its subject: all of them, where the photo is listed several times.

        Raises:
            ImageReadError: If the photo cannot be read.
            RuntimeError: If there is no such photo, or no subject was found in it.
        """
        if digest not in self._places:
            raise RuntimeError(
                "nobody knows whose subject will stand in front of this background, or it is no training image's; a "
                "painter that looks at the subject's own photo works without a bank only"
            )
        found = [self._training[index] for index in self._places[digest]]
        masks = [subject.mask for _, subject in found if subject is not None]
        mask = np.logical_or.reduce(masks) if masks else np.zeros(0, np.bool_)
        image = found[0][0]
        if not mask.any():
            raise RuntimeError(f"no subject was found in {image.record.path}, so nobody knows what its background is")
        return image.image, mask
