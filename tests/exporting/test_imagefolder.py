"""The folder as torchvision and `datasets` read it."""

import json
from pathlib import Path

from tiny.captioned import collected
from torchvision.datasets import ImageFolder

from aga_lightning.exporting.imagefolder import write_imagefolder
from aga_lightning.exporting.items import finished_items, names_of, rows_of


def test_images_and_metadata_agree(disc_records, tmp_path):
    items = finished_items(collected(disc_records, tmp_path, refuse=[0])).items
    names = names_of(items, ["plum", "lime"], "/")
    size = write_imagefolder(tmp_path / "out", zip(items, names, rows_of(items), strict=True))
    lines = [json.loads(line) for line in (tmp_path / "out/train/metadata.jsonl").read_text("utf-8").splitlines()]
    written = {path.relative_to(tmp_path / "out/train").as_posix(): path for path in tmp_path.rglob("out/train/*/*")}
    assert [line["file_name"] for line in lines] == [f"{name}.jpg" for name in names]
    assert set(written) == {line["file_name"] for line in lines} and len(written) == 8
    for item, line in zip(items, lines, strict=True):
        assert written[line["file_name"]].read_bytes() == item.path.read_bytes()
        assert line["caption"] == "été number 1" and line["label"] == item.record.label
    assert size == sum(path.stat().st_size for path in written.values())
    read = ImageFolder(tmp_path / "out" / "train")
    assert read.classes == ["lime", "plum"]
    assert sorted((Path(path).name, label) for path, label in read.samples) == sorted(
        (Path(line["file_name"]).name, 1 - line["label"]) for line in lines
    )
