"""ICC profiles, small and made by hand."""

import struct

import numpy as np
from PIL import ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def display_p3():
    """sRGB's profile with the primaries of the displays of telephones."""
    profile = bytearray(SRGB)
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in primaries:
            struct.pack_into(">iii", profile, offset + 8, *(round(value * 65536) for value in primaries[name]))
    return bytes(profile)


def grey(gamma=1.0):
    """Grey values whose light is their power of gamma."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256))})


def inks():
    """Four inks, each of which takes lightness away, and cyan and yellow also give blue and yellow."""
    corners = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(-1, 4)
    lab = np.stack([255 - corners @ [40, 50, 20, 130], 128 - 40 * corners[:, 0], 128 + 60 * corners[:, 2]], 1)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int).ravel()))
    head = struct.pack(">4sIBBBx", b"mft1", 0, 4, 3, 2) + matrix
    table = head + ramp * 4 + lab.clip(0, 255).astype(np.uint8).tobytes() + ramp * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})


def _profile(space, connection, kind, tags):
    tags = {b"wtpt": struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)} | tags
    offset, index, content = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        index += struct.pack(">4sII", name, offset + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    size = offset + len(content)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"lcms", 0x02400000, kind, space, connection, b"acsp")
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + content
