import inspect

from tiny.plain import Corners, Plain

from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.engine.settings import spelled
from aga_lightning.augment.gates.subject_leak import SubjectLeak


def test_a_default_that_is_a_part_is_told_by_its_class():
    parameters = inspect.signature(Plain).parameters
    assert parameters["segmenter"].default == {"class_path": "tiny.plain.Corners"}
    assert parameters["isolates"].default is True
    assert isinstance(Plain().segmenter, Corners), "the default itself is a part as ever"


def test_a_part_is_spelled_by_what_differs_from_its_defaults():
    name = "aga_lightning.augment.compositing.Merging"
    assert spelled(Merging(shift=0.2)) == {"class_path": name, "init_args": {"shift": 0.2}}
    leak = spelled(SubjectLeak(detector=Corners()))  # any part will do here
    assert leak["init_args"] == {"detector": {"class_path": "tiny.plain.Corners"}}
