import pytest

from aga_lightning.images.records import DatasetError
from aga_lightning.training.screening import require_files, screen


def truncate(record):
    record.path.write_bytes(record.path.read_bytes()[:100])


@pytest.fixture
def listing(tmp_path):
    return tmp_path / "new" / "unreadable.txt"


def test_unreadable_images_are_left_out_listed_and_counted(disc_records, listing):
    truncate(disc_records[2])
    disc_records[5].path.unlink()
    with pytest.warns(UserWarning, match=f"2 of 8 images cannot be read and are left out; listed in {listing}"):
        kept = screen(disc_records, listing)
    assert kept == [record for index, record in enumerate(disc_records) if index not in (2, 5)]
    gone, cut = sorted(listing.read_text().splitlines())
    assert gone.startswith(f"{disc_records[5].path} does not exist")
    assert cut.startswith(f"{disc_records[2].path} cannot be decoded")


def test_unreadable_images_are_left_out_also_where_no_listing_can_be_written(disc_records, tmp_path):
    truncate(disc_records[2])
    (tmp_path / "cache").write_text("in the way")
    with pytest.warns(
        UserWarning, match=r"1 of 8 .* left out; .* cannot be written .*; the first: .*cannot be decoded"
    ):
        assert len(screen(disc_records, tmp_path / "cache" / "unreadable.txt")) == 7


@pytest.mark.filterwarnings("ignore:.*cannot be read and are left out")
def test_the_listing_grows_from_set_to_set_and_names_each_image_once(disc_records, listing):
    truncate(disc_records[0])
    truncate(disc_records[7])
    for records in (disc_records[:4], disc_records[4:], disc_records):
        screen(records, listing)
    lines = listing.read_text().splitlines()
    assert len(lines) == 2
    assert lines == sorted(lines)


def test_a_set_without_a_readable_image_is_an_error(disc_records, listing):
    for record in disc_records[:2]:
        truncate(record)
    with pytest.raises(DatasetError, match=r"none of 2 images can be read; the first: .*plum_0\.png"):
        screen(disc_records[:2], listing)


def test_missing_files_are_counted_before_a_run(disc_records):
    require_files(disc_records)
    disc_records[3].path.unlink()
    disc_records[6].path.unlink()
    with pytest.raises(DatasetError) as caught:
        require_files(disc_records)
    assert f"2 of 8 image files are missing, such as {disc_records[3].path}: " in str(caught.value)
