import pytest

from aga_lightning.augment.base import Prompt, Request
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.contexts import CONTEXTS, ContextCaptioner, SquareScenery
from aga_lightning.augment.painters.flat import FlatColour
from aga_lightning.augment.prompts import PromptEngine, avoid_words


def test_a_context_is_put_into_the_text_with_its_time_if_it_has_one():
    prompts = [Prompt("", "empty sea", ""), Prompt("", "a red rock canyon", "at dawn")]
    captions = ContextCaptioner("A real photo of {context}").caption(prompts, [1, 2])
    assert [c.text for c in captions] == ["A real photo of empty sea", "A real photo of a red rock canyon at dawn"]
    assert [c.prompt for c in captions] == prompts


def test_a_context_that_names_a_class_is_left_out():
    engine = PromptEngine(instructions=("",), spatial=CONTEXTS, temporal=("",))
    avoid = avoid_words(["train"], ["train"])
    left = {engine.prompt(seed, avoid).spatial for seed in range(60 * len(CONTEXTS))}
    assert set(CONTEXTS) - left == {"railway without train"}


@pytest.mark.parametrize("max_side, side", [(40, 40), (None, 1024)])
def test_backgrounds_are_squares_whatever_the_shape_of_the_photo(tmp_path, disc_records, max_side, side):
    engine = PromptEngine(instructions=("",), spatial=("sand",), temporal=("",))
    scenery = SquareScenery(engine, ContextCaptioner("{context}"), FlatColour(), 1, None, max_side)
    (scene,) = scenery.scenes([Request(disc_records[0], 0)], Store(tmp_path / "cache"))
    assert scene.size == (side, side)
    assert scene.caption.text == "sand"
