"""An ImageFolder with the metadata of Hugging Face's `imagefolder`.

    train/<class>/<name>.jpg      read by torchvision's ImageFolder(DIR/train)
    train/metadata.jsonl          one line for each image: file_name, relative to this file, and the columns

Hugging Face `datasets` takes the split from the folder's name and joins each line to its image.
"""

from collections.abc import Iterable
from pathlib import Path

from aga_lightning.exporting.aside import write
from aga_lightning.exporting.items import Item
from aga_lightning.files import portable_json

SPLIT = "train"
"""The split and its folder; only training images are augmented."""


def write_imagefolder(folder: Path, samples: Iterable[tuple[Item, str, dict[str, object]]]) -> int:
    """Write images and metadata.

    Args:
        folder: The folder in which to make the folder of the split.
        samples: Each image with its name (`<class>/<name>`, without an ending) and its row.

    Returns:
        Total size of the images in bytes.

    Raises:
        ExportError: If a file cannot be written.
    """
    lines = []
    size = 0
    for item, name, row in samples:
        data, suffix = item.content()
        write(folder / SPLIT / f"{name}{suffix}", data)
        lines.append(portable_json({"file_name": f"{name}{suffix}", **row}) + b"\n")
        size += len(data)
    write(folder / SPLIT / "metadata.jsonl", b"".join(lines))
    return size
