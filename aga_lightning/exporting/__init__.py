"""Export of a generated set for other trainers: as an ImageFolder with metadata, or as WebDataset shards."""

from aga_lightning.exporting.aside import ExportError
from aga_lightning.exporting.export import Format, Options, export

__all__ = ["ExportError", "Format", "Options", "export"]
