"""Image files that cannot be read, or that something is odd about."""

import pytest
from PIL import Image
from tiny.checked import looked_over, spoil

from aga_lightning.cli.image_report import LISTING
from aga_lightning.datasets.csv_images import CsvImages
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.training.datamodule import AGADataModule


def with_a_hole(data):
    """A PNG file that is damaged between its header and its end."""
    return data[: len(data) // 2] + bytes(16) + data[len(data) // 2 + 16 :]


def test_images_that_cannot_be_read_are_listed_with_the_reason(open_checked, disc_folder, tmp_path):
    spoil(disc_folder, 0, 2)
    shown, problems = looked_over(open_checked())
    listing = tmp_path / "cache" / LISTING
    assert problems == [
        f"2 of 18 image files cannot be read; listed in {listing}: mend them, or set --data.bad_images skip"
    ]
    lines = listing.read_text().splitlines()
    assert [("plum_0" in line, "plum_2" in line) for line in lines] == [(True, False), (False, True)]
    assert all("is not an image of a format that is read" in line and line in shown for line in lines)
    for number in (0, 2):
        Image.new("RGB", (8, 8)).save(disc_folder / "train" / "plum" / f"plum_{number}.png")
    assert looked_over(open_checked())[1] == []
    assert not listing.exists()


def test_where_no_list_can_be_written_all_unreadable_images_are_shown(open_checked, disc_folder, tmp_path):
    for split, number in (("train", 4), ("val", 3), ("dusk", 2)):
        for path in [
            disc_folder / split / name / f"{name}_{one}.png" for name in ("plum", "lime") for one in range(number)
        ]:
            path.with_name(f"more_{path.name}").write_bytes(b"no image")
            path.write_bytes(b"no image")
    (tmp_path / "cache").write_text("in the way")
    shown, problems = looked_over(open_checked(), width=300)
    assert shown.count("is not an image of a format") == 36
    assert problems[0].startswith("36 of 36 image files cannot be read; all are listed above, since ")


def test_a_long_list_is_shown_in_part_and_written_in_full(open_checked, disc_folder, tmp_path):
    spoil(disc_folder, *range(30))
    shown, _ = looked_over(open_checked())
    assert shown.count("is not an image") == 20 and "and 10 more" in shown
    assert len((tmp_path / "cache" / LISTING).read_text().splitlines()) == 30


def test_an_image_that_breaks_off_is_found_though_its_header_is_sound(open_checked, disc_folder):
    path = disc_folder / "train" / "plum" / "plum_0.png"
    path.write_bytes(path.read_bytes()[:-200])
    shown, (problem,) = looked_over(open_checked(), width=300)
    assert problem.startswith("1 of 18")
    assert f"{path} cannot be decoded" in shown


def test_what_is_left_is_counted_where_images_are_skipped(open_checked, disc_folder):
    spoil(disc_folder, 0, 2)
    path = disc_folder / "val" / "lime" / "lime_0.png"
    path.write_bytes(with_a_hole(path.read_bytes()))
    shown, problems = looked_over(open_checked(bad_images="skip"))
    assert problems == [] and "3 of 18 image files cannot be read" in shown
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in shown.splitlines() if "│" in line]
    assert rows == [["lime", "lime", "4", "2", "2"], ["plum", "fruit", "2", "3", "3"], ["all", "", "6", "5", "5"]]
    assert "images: 6 train, 5 val, 5 test, 4 ood/dusk" in shown
    for file in (disc_folder / "val").rglob("*.png"):
        file.write_bytes(b"no image")
    _, problems = looked_over(open_checked(bad_images="skip"))
    assert "none of the 6 images of val can be read" in problems


def test_damage_that_no_header_tells_is_found_by_decoding(open_checked, disc_folder, command):
    path = disc_folder / "train" / "plum" / "plum_0.png"
    path.write_bytes(with_a_hole(path.read_bytes()))
    words = ["check", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder)]
    command(*words)
    with pytest.raises(SystemExit) as stop:
        command(*words, "--decode", "true")
    assert "1 of 14 image files cannot be read" in str(stop.value.code)


def test_a_mask_of_another_size_or_none_is_found(tmp_path):
    guide = FieldGuide(str(tmp_path), size=16, train_per_class=1, val_per_class=1, test_per_class=1, ood_per_class=1)
    guide.prepare()
    gone, mask = (guide.records("train")[number].mask_path for number in (2, 3))
    gone.unlink()
    Image.new("L", (9, 16)).save(mask)
    shown, (problem,) = looked_over(AGADataModule(guide, cache_dir=str(tmp_path / "cache")), width=300)
    assert problem.startswith("2 of ") and f"{mask} is a mask of 9 x 16 pixels, but its image has 16 x 16" in shown
    assert str(gone) in shown


def test_a_box_that_lies_mostly_outside_of_its_image_is_told(tmp_path):
    rows = ["path,label,x1,y1,x2,y2"]
    boxes = ["90,0,99,40", "0,20,20,61", "0,20,20,59", "-9,-9,40,40"]  # of 40 x 40 pixels: two that go with it
    for number, box in enumerate(boxes):
        Image.new("RGB", (40, 40), (9 * number, 0, 0)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[number % 2]},{box}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    data = AGADataModule(CsvImages(tmp_path / "list.csv"), cache_dir=str(tmp_path / "cache"))
    shown, _ = looked_over(data, width=300)
    assert "2 of 4 images have a box that lies mostly outside of the image, as boxes of a larger copy do (such" in shown


def test_an_image_of_a_name_of_several_lines_is_one_line_of_the_list(open_checked, disc_folder, tmp_path):
    (disc_folder / "train" / "lime" / "a\n9.png is fine.png").write_bytes(b"no image")
    looked_over(open_checked())
    (line,) = (tmp_path / "cache" / LISTING).read_text().splitlines()
    assert "a\\n9.png is fine.png is not an image" in line
