"""Fetching an archive from servers of every temper, unpacking good and evil archives, and being killed on the way."""

import hashlib
import io
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace

import pytest
from tiny.file_server import serving

from aga_lightning.datasets import download
from aga_lightning.datasets.download import fetch_archive
from aga_lightning.downloads import Published
from aga_lightning.images.records import DatasetError

FILES = {
    "birds/images.txt": b"1 wren.jpg\n",
    "birds/images/wren.jpg": random.Random(0).randbytes(300_000),
    "birds/images/owl.jpg": random.Random(1).randbytes(200_000),
    "notes.txt": b"not asked for",
}
BIRDS = {name: data for name, data in FILES.items() if name.startswith("birds/")}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


def tarred(files, mode="gz", entries=()):
    """A tar of files; `entries` are further ones, as TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{mode}") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in entries:
            tar.addfile(info, io.BytesIO(b"evil"[: info.size]))
    return buffer.getvalue()


def zipped(files, entries=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for info in entries:
            archive.writestr(info, "evil")
    return buffer.getvalue()


def content_of(folder):
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def names_in(folder):
    """What a folder holds besides locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def refusal(archive, folder, member="birds"):
    """The message of a refusal, which has one line."""
    with pytest.raises(DatasetError) as caught:
        fetch_archive(archive, folder, member)
    assert "\n" not in str(caught.value)
    assert not (folder / member).exists()
    assert not (folder / f".{member}.partial").exists()
    return str(caught.value)


BUILDERS = {
    "birds.tgz": lambda: tarred(FILES),
    "birds.tar.gz": lambda: tarred({f"./{name}": data for name, data in FILES.items()}),
    "birds.tar.bz2": lambda: tarred(FILES, "bz2"),
    "birds.tar": lambda: tarred(FILES, ""),
    "birds.zip": lambda: zipped(FILES),
    "Birds.ZIP": lambda: zipped(FILES),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_an_archive_becomes_the_folder_or_file_that_is_asked_for(server, tmp_path, name):
    folder = tmp_path / "new" / "data"
    place = fetch_archive(server.publish(name, BUILDERS[name](), "md5"), folder, "birds")
    assert place == folder / "birds"
    assert content_of(place) == BIRDS
    assert names_in(folder) == ["birds"]
    note = fetch_archive(
        server.publish(name, tarred(FILES) if "tgz" in name else BUILDERS[name]()), folder, "notes.txt"
    )
    assert note.read_bytes() == FILES["notes.txt"]


def test_what_is_there_is_left_alone(server, tmp_path):
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds.tgz").write_bytes(b"mine")
    assert fetch_archive(server.publish("birds.tgz", tarred(FILES)), tmp_path, "birds") == tmp_path / "birds"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["birds", "birds.tgz"]
    assert not server.asked


TGZ = tarred(FILES)


@pytest.mark.parametrize("size", [True, False])
@pytest.mark.parametrize(
    ("part", "server_does", "asked", "served"),
    [
        (TGZ[:123_456], {}, ["bytes=123456-"], [len(TGZ) - 123_456]),
        (TGZ[:1000], {"honours_ranges": False}, ["bytes=1000-"], [len(TGZ)]),
        (TGZ[:1000], {"honours_ranges": False, "tells_length": False}, ["bytes=1000-"], [len(TGZ)]),
        (b"o" * 1000, {}, ["bytes=1000-", None], [len(TGZ) - 1000, len(TGZ)]),
        (b"o" * 900_000, {}, ["bytes=900000-", None], [len(TGZ)]),
        (TGZ, {}, [], []),
    ],
    ids=["it goes on", "no ranges", "no length", "a file that changed", "a longer one", "complete"],
)
def test_a_download_goes_on_where_an_earlier_one_ended(server, tmp_path, size, part, server_does, asked, served):
    vars(server).update(server_does)
    (tmp_path / ".birds.tgz.part").write_bytes(part)
    assert content_of(fetch_archive(server.publish("birds.tgz", TGZ, size=size), tmp_path, "birds")) == BIRDS
    if part == TGZ and not size:
        asked = [f"bytes={len(part)}-"]  # whether it is complete only the server knows
    assert (server.asked, server.served) == (asked, served)
    assert names_in(tmp_path) == ["birds"]


def test_a_connection_that_breaks_is_made_again_from_there(server, tmp_path):
    server.cuts = [150_000, 100_000]
    assert content_of(fetch_archive(server.publish("birds.tgz", TGZ), tmp_path, "birds")) == BIRDS
    assert server.asked == [None, "bytes=150000-", "bytes=250000-"]
    assert sum(server.served) == len(TGZ)


def test_a_server_that_is_lost_leaves_what_came_and_the_next_run_goes_on(server, tmp_path):
    archive = server.publish("birds.tgz", TGZ)
    server.cuts = [150_000, 0]
    message = refusal(archive, tmp_path)
    assert archive.url in message and "150,000" in message and str(tmp_path / "birds.tgz") in message
    assert names_in(tmp_path) == [".birds.tgz.part"]
    assert content_of(fetch_archive(archive, tmp_path, "birds")) == BIRDS
    assert server.asked[-1] == "bytes=150000-"
    assert sum(server.served) == len(TGZ)


def test_a_part_that_was_not_asked_for_is_not_taken(server, tmp_path):
    server.shift = 10
    (tmp_path / ".birds.tgz.part").write_bytes(TGZ[:1000])
    assert "another part" in refusal(server.publish("birds.tgz", TGZ), tmp_path)
    assert (tmp_path / ".birds.tgz.part").read_bytes() == TGZ[:1000]


def test_another_file_is_removed_and_both_checksums_are_named(server, tmp_path):
    wanted = f"md5:{'0' * 32}"
    server.publish("birds.tgz", TGZ)
    message = refusal(Published(server.url("birds.tgz"), wanted), tmp_path)
    for part in (server.url("birds.tgz"), wanted, hashlib.md5(TGZ).hexdigest(), str(tmp_path / "birds.tgz")):
        assert part in message
    assert server.asked == [None]
    assert names_in(tmp_path) == []


def test_a_file_of_another_length_is_not_even_fetched_and_harms_nothing(server, tmp_path):
    archive = server.publish("birds.tgz", TGZ)
    server.content["/files/birds.tgz"] = b"<html>log in first</html>"
    server.honours_ranges = False
    (tmp_path / ".birds.tgz.part").write_bytes(b"a good beginning")
    message = refusal(archive, tmp_path)
    assert "25 bytes" in message and f"{archive.size:,}" in message
    assert len(server.asked) == 1
    assert (tmp_path / ".birds.tgz.part").read_bytes() == b"a good beginning"


def test_a_server_that_does_not_stop_is_left(server, tmp_path):
    archive = server.publish("birds.tgz", TGZ)
    server.tells_length = False
    server.content["/files/birds.tgz"] += bytes(50_000_000)
    sizes = []
    unlink = download.Path.unlink

    def watch(path, missing_ok=False):
        sizes.append(path.stat().st_size)
        unlink(path, missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download.Path, "unlink", watch)
        refusal(archive, tmp_path)
    assert len(sizes) == 1 and sizes[0] < 2 * archive.size


def test_an_archive_put_there_by_hand_needs_no_network_and_stays(tmp_path):
    archive = Published("https://nowhere.invalid/birds.tgz", f"md5:{hashlib.md5(TGZ).hexdigest()}", len(TGZ))
    (tmp_path / "birds.tgz").write_bytes(TGZ)
    assert content_of(fetch_archive(archive, tmp_path, "birds")) == BIRDS
    assert (tmp_path / "birds.tgz").read_bytes() == TGZ
    assert names_in(tmp_path) == ["birds", "birds.tgz"]


def test_what_a_browser_has_begun_to_fetch_is_not_touched(server, tmp_path):
    (tmp_path / "birds.tgz.part").write_bytes(b"half of it")
    assert content_of(fetch_archive(server.publish("birds.tgz", TGZ), tmp_path, "birds")) == BIRDS
    assert (tmp_path / "birds.tgz.part").read_bytes() == b"half of it"
    assert names_in(tmp_path) == ["birds", "birds.tgz.part"]


@pytest.mark.parametrize("size", [True, False])
def test_a_wrong_archive_put_there_by_hand_is_refused_and_stays(server, tmp_path, size):
    archive = server.publish("birds.tgz", tarred(FILES), size=size)
    (tmp_path / "birds.tgz").write_bytes(b"something else")
    message = refusal(archive, tmp_path)
    assert str(tmp_path / "birds.tgz") in message and archive.url in message and "remove it" in message
    assert ("it has 14 bytes" if size else archive.checksum) in message
    assert (tmp_path / "birds.tgz").read_bytes() == b"something else"
    assert not server.asked


@pytest.mark.parametrize("answer", ["503", "refused", "cannot be unpacked"])
def test_what_the_server_answers_is_handed_on(server, tmp_path, answer):
    archive = server.publish("gone.tgz", b"<html></html>")
    if answer == "503":
        server.failing["/files/gone.tgz"] = 503
        del server.content["/files/gone.tgz"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses connections
        if answer == "refused":
            archive = replace(archive, url=f"http://127.0.0.1:{taken.getsockname()[1]}/gone.tgz")
        message = refusal(archive, tmp_path)
    assert (
        answer in message and ("by hand" if "unpacked" in answer else f"put it at {tmp_path / 'gone.tgz'}") in message
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the device that is always full is Linux's")
def test_a_full_disk(server, tmp_path):
    (tmp_path / ".birds.tgz.part").symlink_to("/dev/full")
    message = refusal(server.publish("birds.tgz", TGZ), tmp_path)
    assert "No space left" in message and str(tmp_path / "birds") in message


def test_archives_may_lie_at_another_host(server, tmp_path):
    target = server.publish("stored.bin", TGZ)
    server.moved["/files/birds.tgz"] = target.url.replace("127.0.0.1", "localhost")
    (tmp_path / ".birds.tgz.part").write_bytes(TGZ[:1000])
    archive = Published(server.url("birds.tgz"), target.checksum)
    assert content_of(fetch_archive(archive, tmp_path, "birds")) == BIRDS
    assert server.asked == ["bytes=1000-", "bytes=1000-"]


def test_a_refusal_elsewhere_names_the_host_but_not_the_key(server, tmp_path):
    server.moved["/files/birds.tgz"] = server.url("expired?key=secret").replace("127.0.0.1", "localhost")
    message = refusal(Published(server.url("birds.tgz"), f"md5:{'0' * 32}"), tmp_path)
    assert "http://localhost answers 404" in message and "secret" not in message


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/birds.tgz", "file:///etc/passwd", "/files/birds.tgz"])
def test_no_redirect_leads_out_of_the_web_or_round_and_round(server, tmp_path, target):
    server.moved["/files/birds.tgz"] = target
    message = refusal(Published(server.url("birds.tgz"), f"md5:{'0' * 32}"), tmp_path)
    assert f"put it at {tmp_path / 'birds.tgz'}" in message
    assert names_in(tmp_path) == []


def tar_entry(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 4 if kind == tarfile.REGTYPE else 0
    return info


EVIL_TARS = {
    "absolute": [tar_entry("/evil-of-a-test")],
    "above": [tar_entry("birds/../../evil")],
    "above, by other slashes": [tar_entry("birds\\..\\..\\evil")],
    "absolute link": [tar_entry("birds/link", tarfile.SYMTYPE, "/etc/passwd")],
    "link above its folder": [tar_entry("birds/images/link", tarfile.SYMTYPE, "../images.txt")],
    "link above": [tar_entry("birds/link", tarfile.SYMTYPE, "../../evil")],
    "through a link": [tar_entry("birds/link", tarfile.SYMTYPE, "../.."), tar_entry("birds/link/evil")],
    "hard link": [tar_entry("birds/link", tarfile.LNKTYPE, "../evil")],
    "hard link to nothing": [tar_entry("birds/link", tarfile.LNKTYPE, "birds/nothing")],
    "pipe": [tar_entry("birds/pipe", tarfile.FIFOTYPE)],
    "device": [tar_entry("birds/null", tarfile.CHRTYPE)],
}


@pytest.mark.parametrize("evil", EVIL_TARS.values(), ids=EVIL_TARS.keys())
@pytest.mark.parametrize("by_hand", [False, True])
def test_nothing_of_an_evil_tar_is_unpacked(server, tmp_path, evil, by_hand):
    data = tarred(FILES, entries=evil)
    archive = server.publish("birds.tgz", data)
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    if by_hand:
        (folder / "birds.tgz").write_bytes(data)
    message = refusal(archive, folder)
    assert str(folder / "birds.tgz") in message and "by hand" in message
    if evil[0].linkname != "birds/nothing":
        assert f"{evil[0].name!r}" in message and "nothing of it was unpacked" in message
    assert names_in(folder) == ["birds.tgz"] * by_hand
    assert names_in(tmp_path) == ["outer"] and names_in(tmp_path / "outer") == ["inner"]
    assert not os.path.exists("/evil-of-a-test")


def test_links_that_lead_down_are_unpacked(server, tmp_path):
    entries = [
        tar_entry("birds/images/wren-2.jpg", tarfile.SYMTYPE, "wren.jpg"),
        tar_entry("birds/images/wren-3.jpg", tarfile.LNKTYPE, "birds/images/wren.jpg"),
    ]
    place = fetch_archive(server.publish("birds.tgz", tarred(FILES, entries=entries)), tmp_path, "birds")
    for number in (2, 3):
        assert (place / "images" / f"wren-{number}.jpg").read_bytes() == FILES["birds/images/wren.jpg"]


def test_owners_and_special_rights_are_not_unpacked(server, tmp_path):
    info = tar_entry("birds/tool")
    info.mode, info.uid, info.gid = 0o6777, 4242, 4242
    place = fetch_archive(server.publish("birds.tgz", tarred(FILES, entries=[info])), tmp_path, "birds")
    found = (place / "tool").stat()
    assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)
    assert found.st_uid == os.getuid()


def zip_entry(name, kind=0):
    info = zipfile.ZipInfo("name")
    info.filename = name
    info.external_attr = (kind | 0o644) << 16
    return info


EVIL_ZIPS = {
    "absolute": zip_entry("/evil-of-a-test"),
    "above": zip_entry("birds/../../evil"),
    "above, by other slashes": zip_entry("birds\\..\\..\\evil"),
    "a drive": zip_entry("c:/evil"),
    "link": zip_entry("birds/link", stat.S_IFLNK),
    "pipe": zip_entry("birds/pipe", stat.S_IFIFO),
}


@pytest.mark.parametrize("evil", EVIL_ZIPS.values(), ids=EVIL_ZIPS.keys())
def test_nothing_of_an_evil_zip_is_unpacked(server, tmp_path, evil):
    folder = tmp_path / "inner"
    message = refusal(server.publish("birds.zip", zipped(FILES, [evil])), folder)
    assert repr(evil.filename) in message
    assert names_in(folder) == [] and names_in(tmp_path) == ["inner"]


@pytest.mark.parametrize("name, pack", [("b.tgz", tarred), ("b.zip", zipped)])
def test_an_archive_that_grows_out_of_all_proportion_is_refused(server, tmp_path, monkeypatch, name, pack):
    blank, noise = {"birds/blank": bytes(4_000_000)}, {"birds/noise": FILES["birds/images/wren.jpg"] * 4}
    fetch_archive(server.publish(name, pack(blank)), tmp_path / "small", "birds")
    monkeypatch.setattr(download, "_FLOOR", 1_000_000)
    assert "1,000,000 bytes" in refusal(server.publish(name, pack(blank)), tmp_path)
    assert names_in(tmp_path) == ["small"]
    fetch_archive(server.publish(name, pack(noise)), tmp_path, "birds")


def test_an_archive_without_the_member_names_what_it_has(server, tmp_path):
    message = refusal(server.publish("b.tgz", TGZ), tmp_path, "fish")
    assert "'fish'" in message and "'birds'" in message and "'notes.txt'" in message
    for target in ("birds", "."):
        link = [tar_entry("fish", tarfile.SYMTYPE, target)]
        refusal(server.publish("b.tgz", tarred(FILES, entries=link)), tmp_path, "fish")
    assert names_in(tmp_path) == []


SCRIPT = """
import sys, time, tarfile
from pathlib import Path
from aga_lightning.datasets.download import fetch_archive
from aga_lightning.downloads import Published

url, checksum, folder, slow = sys.argv[1:]
extract, unpacked = tarfile.TarFile.extract, []

def extract_slowly(self, *words, **settings):
    if len(unpacked) == 2:
        Path(folder, "reached").touch()
        time.sleep(60)
    unpacked.append(words)
    return extract(self, *words, **settings)

if slow == "slow":
    tarfile.TarFile.extract = extract_slowly
print("ready", flush=True)
sys.stdin.readline()
print(fetch_archive(Published(url, checksum), Path(folder), "birds"))
"""


def start(archive, folder, pace="quick"):
    words = [sys.executable, "-c", SCRIPT, archive.url, archive.checksum, str(folder), pace]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_process_killed_while_unpacking_leaves_nothing_that_matters(server, tmp_path):
    archive = server.publish("birds.tgz", TGZ)
    with start(archive, tmp_path, "slow") as process:
        print(file=process.stdin, flush=True)
        until = time.monotonic() + 30
        while not (tmp_path / "reached").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (tmp_path / "reached").unlink()
    assert not (tmp_path / "birds").exists()
    partial = tmp_path / ".birds.partial"
    assert content_of(partial), "the process was not killed in the middle"
    (partial / "birds" / "images" / "stray.jpg").touch()
    assert content_of(fetch_archive(archive, tmp_path, "birds")) == BIRDS
    assert names_in(tmp_path) == ["birds"]
    assert server.asked == [None], "the archive was there already"


def test_of_two_processes_at_once_one_works(server, tmp_path):
    archive = server.publish("birds.tgz", TGZ)
    server.pause = 0.3
    with start(archive, tmp_path) as one, start(archive, tmp_path) as other:
        for process in (one, other):
            print(file=process.stdin, flush=True)
        places = [process.communicate(timeout=60)[0].strip() for process in (one, other)]
    assert places == [str(tmp_path / "birds")] * 2
    assert server.asked == [None]
    assert content_of(tmp_path / "birds") == BIRDS
    assert names_in(tmp_path) == ["birds"]
