"""A method without weights that captions its pictures and rejects what it is told to, and collections of it."""

import numpy as np

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store


class Captioned(Augmenter):
    """A picture of one colour for each label and variant.

    Args:
        refuse: Variants that are rejected.
        captions: Whether the pictures have captions.
    """

    def __init__(self, refuse=(), captions=True):
        self.refuse = list(refuse)
        self.captions = captions

    def augment(self, requests, cache):
        """One outcome a request."""
        for request in requests:
            if request.variant in self.refuse:
                yield Rejected(request, f"{request.record.path}: variant {request.variant} is refused")
                continue
            image = np.full((24, 24, 3), (40 * request.record.label + 20 * request.variant) % 256, np.uint8)
            facts = {"caption": f"été number {request.variant}", "box": [0, 1.5, 20, 20]} if self.captions else {}
            yield Augmented(request, image, facts)


def collected(records, folder, degree=2, made=None, **settings):
    """A collection of a few records, of which the first `made` requests (by default all) are finished."""
    collection = Collection(Captioned(**settings), Store(folder / "cache"), records, degree, seed=0)
    collection.make(collection.requests[:made])
    collection.finish()
    return collection
