"""Whether a checkpoint's file is whole; asked without torch, which takes seconds to import."""

import zipfile
from pathlib import Path


def is_whole(path: str | Path) -> bool:
    """Whether a file of `torch.save` has its end and all its checksums; it is read once.

    Args:
        path: The file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # a damaged file raises whatever its bytes happen to spell
        return False


def is_altered(path: str | Path) -> bool:
    """Whether a file of `torch.save` has its end, but not the content that was written; torch itself does not look.

    Args:
        path: The file; none where there is no such file here.
    """
    return zipfile.is_zipfile(path) and not is_whole(path)
