from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from aga_lightning.images.records import DatasetError, ImageRecord


def test_records_are_keys_that_nothing_changes():
    record = ImageRecord(Path("a.png"), 0, "wren", "bird")
    assert {record: 1}[ImageRecord(Path("a.png"), 0, "wren", "bird")] == 1
    with pytest.raises(FrozenInstanceError):
        record.label = 1


def test_a_wrong_data_set_is_a_wrong_value():
    assert issubclass(DatasetError, ValueError)
