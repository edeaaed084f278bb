import base64
import importlib.util
import io
import os
import socket
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from aga_lightning.images import formats
from aga_lightning.images.reading import ImageReadError, file_digest, image_size, read_image, verify_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import load_sample

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def read_mask(path):
    image = path.with_name("photo.png")
    Image.new("RGB", (10, 10)).save(image)
    return load_sample(ImageRecord(image, 0, "owl", "bird", mask_path=path), "", None)


@pytest.mark.parametrize("read", [read_image, verify_image, image_size, read_mask])
def test_postscript_is_not_handed_to_ghostscript_whatever_its_name(tmp_path, monkeypatch, read):
    script = tmp_path / "gs"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "x.jpg").write_bytes(POSTSCRIPT)
    with pytest.raises(ImageReadError, match=r"x\.jpg.* is not an image of a format that is read"):
        read(tmp_path / "x.jpg")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", ["ICO", "PCX", "PDF"])
def test_no_other_format_is_opened(tmp_path, name):
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, name)
    (tmp_path / "x.jpg").write_bytes(data.getvalue())
    with pytest.raises(UnidentifiedImageError), formats.open_image(tmp_path / "x.jpg"):
        pass


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a pointer of Git LFS.* `git lfs pull`"),
        (b"/annex/objects/SHA256E-s1--0.jpg\n", "is a pointer of git-annex.* `git annex get`"),
        (b"%PDF-1.7", "is not an image of a format that is read: convert"),
    ],
)
def test_what_stands_for_an_image_is_called_by_its_name(tmp_path, content, complaint):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageReadError, match=rf"a\.jpg {complaint}"):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(ImageReadError, match=rf"a\.jpg, the mask of .*it {complaint}"):
        read_mask(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["named pipe", "socket", "folder", "device"])
@pytest.mark.parametrize("read", [read_image, verify_image, file_digest, read_mask])
def test_what_is_no_file_is_named_and_not_opened(tmp_path, monkeypatch, kind, read):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = tmp_path / "a.jpg"
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("a.jpg")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ImageReadError, match=rf"a\.jpg.*\bis a {kind}"):
        read(path)


# 16 x 8 pixels, blue and red in the colours of Display P3, to be turned by a quarter.
HEIC_PHOTO = (
    "c-oayT}TvB6#iy+)iq7GKeG^7=?4=9H8EeLb+v@jkX1=bs@d6D_r}cbG&AZ-FGkTr^dJP01zGt}FA>(0Mp!*b6i7k^Sq8mW5JW}@"
    "CDXY(gPPPsXPG_Uob#P~?|kQ600mLAUyI2s2{M&MD>zn}7zI2zs%(m|ttb{zbO%FYl8IGT#gv4^K|=s82poATZBJH5F&;6NBHQVy"
    "VJsd^z47cOdXZB!;>3ET3akhUoU$*;QuG{+nJOHnyP0XaM!uA3Qi5WAR9i22yacb;a8lt{{IV7nfL!+ps@NP5vIWcH1b2$zCd#-g"
    "AX2U*C<uQh20cFi{deutT{E7ld>_SxL7wmpgo*BL5S|$M<@pqHbw~+C*YpIP(AA_!s^JNcqH$9XH3t11ok#o`pOJ+^<e>;9qGV`w"
    "EiFy>r~P<kOEq1_*TVl<Rzx<a83Na!TGDjtmO!ULQ=h4Ee39@*DJDh;-ymG7(*X%T=kc(OKXBY_<L?~nZJ~PlHom66dj$@!z*0=7"
    "#<+@kgH@$Ra?ZoQBwLQRx02sVPXP>s(1;-X2%`rK3QUxdkCSG9uPaa09YTU?B>LCT51lHy5u@5tiuTZ|GWjUQW%?=T=en=f(}?b_"
    "v{%m#0%`9pYkmiiaS2!)w5*>uEo<=>wRi@29AB<KI}6lKSeEs0IaW+FvMvjl99xbZm;gri0BgoHQMYf8n-6%D=HlCJU~MO`VT$rc"
    "ZLOR<MqUGLr>R9RfT63vPU7cwaow4r$&MZY=P8yHkwzXqM<cF1jkGnzcOpOOTq&Q%k}S1_*ULGXOi!46yDdyp#U+u2^fNAZ+PU+*"
    "J4~0OP9jH&&=m2@%=b{$h{$h!ZLx4KbMn}gscl286LWhXjayGY=3RLEC3(1U|8Vci;|~r#i_Bh|o4@SMJ#{klY2>ax8Xwp-{HErP"
    "*_WuM1=8(n+}w<k)X@cDeM$lW>Gr<A0U-3>!T"
)


@pytest.mark.skipif(
    not any(map(importlib.util.find_spec, ("pillow_heif", "pi_heif"))), reason="the extra [heic] is not installed"
)
def test_a_real_photo_of_a_telephone_is_turned_and_becomes_srgb(tmp_path):
    (tmp_path / "a.heic").write_bytes(zlib.decompress(base64.b85decode(HEIC_PHOTO)))
    photo = read_image(tmp_path / "a.heic")
    assert image_size(tmp_path / "a.heic") == photo.size == (8, 16)
    found = [photo.getpixel((4, y)) for y in (3, 12)]
    np.testing.assert_allclose(found, [(40, 39, 207), (218, 0, 26)], atol=6)


WITHOUT_A_READER = """
import sys
from pathlib import Path
sys.modules |= {"pillow_heif": None, "pi_heif": None}
from aga_lightning.images.finding import find_images, told
from aga_lightning.images.reading import read_image
unused = []
print(find_images(Path("."), unused=unused), *told(unused))
Path("IMG_1.HEIC").rename("a.jpg")
read_image(Path("a.jpg"))
"""


def test_without_a_reader_they_are_not_used_and_the_remedy_is_told(tmp_path):
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    done = subprocess.run([sys.executable, "-c", WITHOUT_A_READER], cwd=tmp_path, capture_output=True, text=True)
    remedy = "no reader is installed: pip install 'aga-lightning[heic]'"
    assert done.stdout == f"[] 1 x .heic ({remedy}; such as IMG_1.HEIC)\n"
    assert f"a.jpg is a HEIF image, and {remedy}" in done.stderr
