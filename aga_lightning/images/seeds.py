"""Seeds that depend on content alone."""

import hashlib


def seed_from(*parts: int | str) -> int:
    """A 64-bit seed that depends on its arguments alone, not on the order of calls, the process or the platform."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8], "big")
