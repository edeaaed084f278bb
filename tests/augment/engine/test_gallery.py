"""The sheet of augmentations: which images are on it, what stands beside them, and that nothing is made for it."""

from dataclasses import replace

import numpy as np
import pytest

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.gallery import draw_gallery
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut

ODD = "for $5 or {$6 \\frac{"


class Flat(Augmenter):
    """Pictures of one level each; plums have fewer accepted variants than limes, and captions are hard to typeset."""

    def augment(self, requests, cache):
        for request in requests:
            plum = request.record.class_name == "plum"
            if plum and request.variant < 2:
                yield Rejected(
                    request, f"plums cost {request.variant} at {request.record.path}, more than 5: see there"
                )
            else:
                level = 10 * request.variant + 100 * plum
                yield Augmented(request, np.full((24, 48, 3), level, np.uint8), {"caption": ODD})


class Refused(Augmenter):
    def augment(self, requests, cache):
        return (Rejected(request, "not in the mood") for request in requests)


def collect(tmp_path, records, augmenter=None, degree=3):
    collection = Collection(augmenter or Flat(), Store(tmp_path), records, degree, 0)
    for requests in collection.pending():
        collection.make(requests)
    return collection


def drawn(figure):
    """The levels of the pictures of one level, from the top left on; the words; how many other pictures there are."""
    figure.draw_without_rendering()
    [axis] = figure.axes
    pictures = [np.asarray(one.get_array()) for one in axis.get_images()]
    levels = [round(float(one.mean())) for one in pictures if one.std() < 2]
    return levels, [text.get_text() for text in axis.texts], len(pictures) - len(levels)


def test_accepted_augmentations_stand_beside_their_original_and_rejects_are_one_line(tmp_path, disc_records):
    levels, words, others = drawn(draw_gallery(collect(tmp_path, disc_records), images=3, variants=2))
    assert words[0] == "16 of 24 augmentations accepted"
    assert levels == [0, 10] * 3, "the first two variants of limes, which have two; plums have one"
    assert words[1:10] == ["lime", ODD, ODD] * 3
    assert words[10] == "8 rejected: plums cost more than 5 at a file"
    assert others == 3 + 4, "the originals, and four rejected photos"


def test_where_no_image_has_all_variants_those_with_some_are_shown(tmp_path, disc_records):
    plums = [record for record in disc_records if record.class_name == "plum"]
    levels, words, _ = drawn(draw_gallery(collect(tmp_path, plums), images=9))
    assert levels == [120] * 4 and words.count("plum") == 4


def test_one_augmentation_a_photo_lets_two_photos_share_a_row(tmp_path, disc_records):
    limes = [record for record in disc_records if record.class_name == "lime"]
    one = draw_gallery(collect(tmp_path, limes, degree=1), images=4)
    three = draw_gallery(collect(tmp_path, limes, degree=3), images=4)
    assert one.get_figheight() < 0.7 * three.get_figheight()
    assert one.get_figwidth() == three.get_figwidth()


def test_the_original_has_the_outline_of_its_subject(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records[:1], AGA(segmenter=GrabCut(size=48)), degree=1)
    original = np.asarray(draw_gallery(collection).axes[0].get_images()[0].get_array())
    yellow = (original[..., 0] > 200) & (original[..., 1] > 180) & (original[..., 2] < 60)
    assert yellow.sum() > 50


def test_nothing_is_made_for_it(tmp_path, disc_records, monkeypatch):
    monkeypatch.setattr(GrabCut, "segment", lambda *_: pytest.fail("a sheet makes nothing"))
    unmade = Collection(AGA(segmenter=GrabCut(size=48)), Store(tmp_path), disc_records, 1, 0)
    assert drawn(draw_gallery(unmade)) == ([], ["0 of 0 augmentations accepted, 8 not made yet"], 0)


def test_where_all_was_rejected_the_line_of_rejects_is_the_sheet(tmp_path, disc_records):
    records = [replace(record, superclass="") if record.class_name == "lime" else record for record in disc_records]
    levels, words, others = drawn(draw_gallery(collect(tmp_path, records, Refused(), degree=1)))
    assert words == ["0 of 4 augmentations accepted", "4 rejected: not in the mood"]
    assert (levels, others) == ([], 4)


def test_an_image_that_cannot_be_read_any_more_is_said_in_words(tmp_path, disc_records):
    lime = disc_records[4:5]
    [path] = collect(tmp_path, lime, degree=1).folder.rglob("*.jpg")
    path.write_bytes(bytes(path.stat().st_size))
    fresh = Collection(Flat(), Store(tmp_path), lime, 1, 0)
    assert drawn(draw_gallery(fresh))[1] == ["1 of 1 augmentations accepted", "lime", "cannot be read", ""]


def test_no_words_reach_beyond_their_place(tmp_path, disc_records):
    class Wordy(Augmenter):
        def augment(self, requests, cache):
            for one in requests:
                yield Augmented(
                    one, np.full((48, 24, 3), 9, np.uint8), {"caption": "A meadow of warm summer mist. " * 40}
                )

    records = [replace(record, class_name="Chestnut-sided American warbler, mimicking " * 4) for record in disc_records]
    figure = draw_gallery(collect(tmp_path, records, Wordy(), degree=2), 2, 2)
    figure.draw_without_rendering()
    [axis] = figure.axes
    boxes = [text.get_window_extent() for text in axis.texts]
    pictures = [picture.get_window_extent() for picture in axis.get_images()]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(picture) for picture in pictures)
        assert not any(box.overlaps(other) for other in boxes if other is not box)
