"""The sheets of comparisons in a report: which ones, side by side, and what is said of them."""

import numpy as np
import pytest
from tiny.study_explained import study, write_predictions, write_sheet

from aga_lightning.callbacks.attribution_panels import AttributionPanels
from aga_lightning.study.report.attribution_sheets import AttributionSheets
from aga_lightning.study.report.blocks import Paragraph, Picture

KINDS = {"only_this_model_is_right": "red", "both_models_are_right": "green", "attributions": "blue"}
COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def write_all(explained, name="test", size=(600, 300)):
    for kind, colour in KINDS.items():
        write_sheet(explained, f"{kind}-{name}", colour, size)


def colours(picture, *places):
    return [picture.image.getpixel(place) for place in places]


def test_sheets_of_a_set_stand_side_by_side_as_far_as_the_page_is_wide(tmp_path):
    outcomes = study(tmp_path)
    write_all(outcomes.explained[0])
    write_sheet(outcomes.explained[0], "both_models_are_right-test", "green", (600, 200))
    first, second = AttributionSheets().blocks(outcomes)
    assert first.image.mode == second.image.mode == "RGB"
    assert first.image.size == (600 + 24 + 600, 300) and second.image.size == (600, 300)
    found = colours(first, (300, 150), (612, 150), (900, 150), (900, 250))
    assert found == [COLOURS[name] for name in ("red", "white", "green", "white")]
    assert colours(second, (300, 150)) == [COLOURS["blue"]]
    assert first.caption == (
        "test, aga beside baseline, seed 0: (a) images that aga alone has right; (b) images that both have right."
    )
    assert second.caption == "test, aga beside baseline, seed 0: images of all classes, right or wrong."
    for picture in (first, second):
        assert picture.alt.startswith(picture.caption)
        assert "Baseline: baseline; this model: aga." in picture.alt


def test_counts_are_of_all_images_of_the_set_where_both_cells_tell_them(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    (explained,) = outcomes.explained
    write_all(explained)
    write_predictions(explained.comparison.cell, {"test": [1, 1, 1, 0, 0, 0, 0]})
    (picture, _) = AttributionSheets().blocks(outcomes)
    assert "Of all" not in picture.alt
    outcomes = study(tmp_path, seed=("0",))  # answers are read once
    write_predictions(explained.comparison.reference, {"test": [1, 0, 0, 1, 0, 0, 0]})
    words = "Of all 7 images of the set, 2 are right by aga alone, 1 by baseline alone, 1 by both and 3 by neither."
    for picture in AttributionSheets().blocks(outcomes):
        assert picture.caption.endswith(words) and picture.alt.endswith(words)


def test_counts_of_different_images_are_not_compared(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    (explained,) = outcomes.explained
    write_all(explained)
    write_predictions(explained.comparison.cell, {"test": [1, 1]})
    write_predictions(explained.comparison.reference, {"test": [1, 1, 0]})
    assert not any("Of all" in picture.alt for picture in AttributionSheets().blocks(outcomes))


def test_sheets_become_rgb_on_white_and_not_too_wide(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    write_sheet(outcomes.explained[0], "attributions-test", (0, 0, 0, 0), (2800, 1000))
    (picture,) = AttributionSheets(kinds=["attributions"]).blocks(outcomes)
    assert picture.image.size == (1400, 500)
    assert np.asarray(picture.image).min() == 255


def test_sets_kinds_and_seeds_can_be_chosen(tmp_path):
    outcomes = study(tmp_path, {("aga", "1"), ("aga", "2")}, seed=("0", "1", "2"))
    for explained in outcomes.explained:
        for name in ("test", "ood-dusk"):
            write_all(explained, name)
    # The sets are the study's, in its order; the first seed that is finished.
    titles = [block.caption.split(":")[0] for block in AttributionSheets(kinds=["attributions"]).blocks(outcomes)]
    assert titles == [f"{name}, aga beside baseline, seed 1" for name in ("test", "ood/dusk")]
    chosen = AttributionSheets(sets=["ood/dusk"], kinds=["attributions"], seeds=[2, 0]).blocks(outcomes)
    assert [type(block) for block in chosen] == [Picture, Paragraph]
    assert chosen[0].caption.startswith("ood/dusk, aga beside baseline, seed 2: ")
    assert chosen[1].text == "aga beside baseline: no comparison of seed 0 is finished."


def test_what_is_missing_is_told(tmp_path):
    outcomes = study(tmp_path, seed=("0",))
    write_sheet(outcomes.explained[0], "attributions-test", "blue")
    picture, note, other = AttributionSheets(sets=["test", "ood/fog"]).blocks(outcomes)
    assert isinstance(picture, Picture)
    assert note.text == (
        "test, aga beside baseline, seed 0: there is no sheet of images that aga alone has right or images that both "
        "have right: none was found, or none was looked for."
    )
    assert other.text.startswith("ood/fog, aga beside baseline, seed 0: there is no sheet of ")
    assert other.text.endswith("right or wrong.")


def test_without_sheets_there_are_sentences(tmp_path):
    def words(outcomes):
        (paragraph,) = AttributionSheets().blocks(outcomes)
        return paragraph.text

    assert words(study(tmp_path)) == "aga beside baseline, seed 0: there are no sheets in the comparison's folder."
    assert words(study(tmp_path, set())) == "aga beside baseline: not finished."
    assert "`explain`" in words(study(tmp_path, arm=("baseline",)))


def test_kinds_have_to_be_known():
    with pytest.raises(ValueError, match="kinds names both; there are only_this_model_is_right, both_models"):
        AttributionSheets(kinds=["both"])


def test_the_kinds_are_those_that_the_callback_draws():
    documented = " ".join((AttributionPanels.__doc__ or "").split())
    assert all(f"{kind}/<set>" in documented for kind in KINDS)
