"""What was generated, on disk: content-addressed, crash-safe, shared by processes."""

from aga_lightning.augment.engine.store.locks import exclusive
from aga_lightning.augment.engine.store.names import file_name, folder_name, safe_path
from aga_lightning.augment.engine.store.shelf import Entry, Shelf, StoreError, UnwritableError
from aga_lightning.augment.engine.store.store import Store

__all__ = [
    "Entry",
    "Shelf",
    "Store",
    "StoreError",
    "UnwritableError",
    "exclusive",
    "file_name",
    "folder_name",
    "safe_path",
]
