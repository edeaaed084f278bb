import os

import pytest

from aga_lightning.images.finding import find_folders, find_images, told
from aga_lightning.images.records import DatasetError


def test_images_are_found_sorted_and_hidden_files_passed_over(tmp_path):
    names = [
        "b/2.JPG",
        "b/10.jpeg",
        "a.PnG",
        "c/d/e.tiff",
        ".hidden.jpg",
        ".git/a.jpg",
        "b/._2.jpg",
        "notes.txt",
        "jpg",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.PnG", "b/10.jpeg", "b/2.JPG", "c/d/e.tiff"]


def test_links_may_stay_inside_and_may_not_leave(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside.jpg"
    (root / "a").mkdir(parents=True)
    (root / "pool").mkdir()
    (root / "pool" / "x.jpg").touch()
    outside.touch()
    os.symlink("../pool/x.jpg", root / "a" / "x.jpg")
    assert find_images(root / "a", root) == [root / "a" / "x.jpg"]
    with pytest.raises(DatasetError, match=r"a/x\.jpg leads out of"):
        find_images(root / "a")
    os.symlink(outside, root / "a" / "y.jpg")
    with pytest.raises(DatasetError, match=r"a/y\.jpg leads out of"):
        find_images(root)


@pytest.mark.parametrize(
    ("name", "target", "complaint"),
    [
        ("link.jpg", "nowhere.jpg", "link to nothing"),
        ("link", "..", "a folder that holds it"),
        ("link.jpg", "link.jpg", "leads nowhere"),
    ],
)
@pytest.mark.parametrize("follow_links", [False, True])
def test_links_to_nothing_and_round_in_a_circle_are_named(tmp_path, name, target, complaint, follow_links):
    (tmp_path / "a").mkdir()
    os.symlink(target, tmp_path / "a" / name)
    with pytest.raises(DatasetError, match=rf"{name} .*{complaint}"):
        find_images(tmp_path, follow_links=follow_links)


def test_links_may_lead_anywhere_where_that_is_allowed(tmp_path):
    (tmp_path / "pool" / "day").mkdir(parents=True)
    (tmp_path / "pool" / "day" / "x.jpg").touch()
    (tmp_path / "root" / "owl").mkdir(parents=True)
    os.symlink(tmp_path / "pool" / "day" / "x.jpg", tmp_path / "root" / "owl" / "a.jpg")
    os.symlink(tmp_path / "pool", tmp_path / "root" / "wren")
    with pytest.raises(DatasetError, match=r"leads out of .*follow_links true"):
        find_images(tmp_path / "root")
    found = find_images(tmp_path / "root", follow_links=True)
    assert [path.relative_to(tmp_path / "root").as_posix() for path in found] == ["owl/a.jpg", "wren/day/x.jpg"]


SYSTEM = ["@eaDir/a.jpg/thumb.jpg", "__MACOSX/a.jpg", ".ipynb_checkpoints/a.jpg", "lost+found/a.jpg",
          "$RECYCLE.BIN/a.jpg", "System Volume Information/a.jpg", "#recycle/a.jpg", "Thumbs.db", "desktop.ini",
          ".DS_Store", "._a.jpg"]  # fmt: skip


def test_what_systems_leave_in_folders_is_passed_over(tmp_path):
    for name in (*SYSTEM, "owl/a.jpg"):
        for path in (tmp_path / name, tmp_path / "owl" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    unused = []
    assert find_images(tmp_path, unused=unused) == [tmp_path / "owl" / "a.jpg", tmp_path / "owl" / "owl" / "a.jpg"]
    assert find_folders(tmp_path, unused=unused) == [tmp_path / "owl"]
    assert unused == []


def test_all_else_among_images_is_named_by_its_kind(tmp_path):
    (tmp_path / "owl" / "folder.png").mkdir(parents=True)
    for name in ("loose.png", "owl/1.jpg", "owl/2.NEF", "owl/3.nef", "owl/tags.txt", "owl/5", "owl/folder.png/6.jpg"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "owl" / "pipe.jpg")
    unused = []
    assert find_folders(tmp_path, unused=unused) == [tmp_path / "owl"]
    assert find_images(tmp_path / "owl", unused=unused) == [tmp_path / "owl" / "1.jpg"]
    kinds = [
        f"1 x image beside the class folders (put it into the folder of its class; such as {tmp_path}/loose.png)",
        f"1 x file without an ending (such as {tmp_path}/owl/5)",
        f"1 x folder named like an image (such as {tmp_path}/owl/folder.png)",
        f"1 x named pipe, socket or device (such as {tmp_path}/owl/pipe.jpg)",
    ]
    raw = f"2 x .nef (a camera's raw data is not read: convert to JPEG or TIFF; such as {tmp_path}/owl/2.NEF)"
    assert sorted(told(unused, photos_only=True)) == sorted([raw, *kinds])
    assert told(unused)[0] == raw and f"1 x .txt (such as {tmp_path}/owl/tags.txt)" in told(unused)
