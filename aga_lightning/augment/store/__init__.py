"""What was generated, on disk: content-addressed, crash-safe, shared by processes."""

from aga_lightning.augment.store.shelf import Entry, Shelf, StoreError
from aga_lightning.augment.store.store import Store

__all__ = ["Entry", "Shelf", "Store", "StoreError"]
