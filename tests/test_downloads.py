"""Fetching one published file; tests/datasets/test_download.py has the same from servers of every temper."""

import io
import time
from urllib.error import URLError
from urllib.request import Request

import pytest
from tiny.file_server import serving

from aga_lightning import downloads
from aga_lightning.downloads import DownloadError, Published, fetch, offline

DATA = bytes(range(256)) * 1200


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


def test_a_file_is_fetched_once_and_one_that_is_there_is_left_alone(server, tmp_path):
    published = server.publish("net.onnx", DATA, "md5")
    path = fetch(published, tmp_path / "new")
    assert path == tmp_path / "new" / "net.onnx" and path.read_bytes() == DATA
    assert fetch(published, tmp_path / "new") == path and len(server.asked) == 1
    path.write_bytes(b"mine")
    assert fetch(published, tmp_path / "new").read_bytes() == b"mine"


def test_a_partial_file_is_continued_and_another_content_never_gets_the_name(server, tmp_path):
    published = server.publish("net.onnx", DATA)
    (tmp_path / ".net.onnx.part").write_bytes(DATA[:1000])
    assert fetch(published, tmp_path).read_bytes() == DATA and server.asked == ["bytes=1000-"]
    other = Published(published.url, f"md5:{'0' * 32}")
    with pytest.raises(DownloadError, match=f"not what was published.*put it at {tmp_path}/other/net.onnx"):
        fetch(other, tmp_path / "other")
    assert not (tmp_path / "other" / "net.onnx").exists()


def test_a_connection_that_falls_silent_is_made_again(server, tmp_path):
    server.stalls = True
    server.cuts = [200_000]
    begun = time.monotonic()
    assert fetch(server.publish("net.onnx", DATA), tmp_path, timeout=0.3).read_bytes() == DATA
    assert time.monotonic() - begun < 8
    first, second = server.asked
    assert first is None and 100_000 < int(second.removeprefix("bytes=").removesuffix("-")) <= 200_000


def test_a_folder_that_cannot_be_made_is_told(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"file/net\.onnx cannot be written.*you may write there"):
        fetch(server.publish("net.onnx", DATA), tmp_path / "file")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_user_may_forbid_the_network(monkeypatch, value, expected):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert offline() is expected


def test_no_redirect_leads_from_https_to_http():
    handler = downloads._Redirects()
    with pytest.raises(URLError, match="not https"):
        handler.redirect_request(Request("https://a.org/b.zip"), io.BytesIO(), 302, "", {}, "http://a.org/b.zip")
    assert handler.redirect_request(Request("https://a.org/b.zip"), None, 302, "", {}, "https://c.org/b.zip")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.org/b.tgz", "b.tgz", "https://a.org/", "https://a.org/%2e%2e"]
)
def test_only_files_of_the_web_are_fetched(url):
    with pytest.raises(DownloadError, match="http"):
        Published(url, f"md5:{'0' * 32}")


@pytest.mark.parametrize("checksum", ["", "md5:12", f"sha1:{'0' * 40}", f"md5:{'0' * 64}", "0" * 32])
def test_no_file_is_without_a_checksum(checksum):
    with pytest.raises(DownloadError, match="md5:<32 digits>"):
        Published("https://a.org/b.tgz", checksum)
