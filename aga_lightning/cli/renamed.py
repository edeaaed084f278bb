"""Settings that have another name since an earlier release, so that a mistake can tell the new one."""

import re

RENAMED: dict[str, dict[str, str]] = {
    "TextToImage": {"generator": "painter", "filters": "gates"},
    "ImageToImage": {"filters": "gates"},
    "Inpainting": {"filters": "gates"},
    "ALIA": {"filters": "gates"},
    "DAFusion": {"filters": "gates"},
    "BeyondGeneration": {"finder": "detector", "cutter": "segmenter", "filters": "gates"},
}
"""By class, the new name of each setting that was renamed."""

_UNKNOWN = re.compile(r"Option '(?P<option>\w+)' is not accepted|unrecognized arguments: --(?P<argument>\w+)")


def with_new_name(text: str, kind: str) -> str:
    """What jsonargparse says of a setting that a class does not have, or the setting's new name.

    Args:
        text: A line of the message.
        kind: The class.
    """
    unknown = _UNKNOWN.search(text)
    old = unknown and (unknown["option"] or unknown["argument"])
    new = RENAMED.get(kind, {}).get(old or "")
    return f"{old} is called {new} now" if new else text
