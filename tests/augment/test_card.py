"""The card of a generated set: what it says, that its head is YAML, and that it tells of no machine or path."""

import pytest
import yaml

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.card import dataset_card, kind_of_reason
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.pretrained import weights_identity
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.segmenters.embedded import GrabCut


class Plain(Augmenter):
    """Does nothing.

    Twice.
    """

    def augment(self, requests, cache):
        yield from ()


def image(name="plum", caption="a beach", **facts):
    facts = {"caption_tries": 1, "caption_fallback": False, "spatial": "a beach", "temporal": "at dawn"} | facts
    return {"file_name": f"{name}/0.jpg", "class": name, "caption": caption, **facts}


def reject(reason, name="plum"):
    return {"class": name, "rejected": reason}


def card_of(augmenter, accepted=(), rejected=(), seed=0):
    return dataset_card("aga-0123", augmenter, seed, accepted, rejected)


def table(card, *words):
    """The cells of the first line of a table that contains all the words."""
    line = next(line for line in card.splitlines() if line.startswith("|") and all(word in line for word in words))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_head_is_yaml_for_the_hub():
    _, head, body = card_of(AGA(), [image()]).split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["license"] == "other" and facts["task_categories"] == ["image-classification"]
    assert facts["size_categories"] == ["n<1K"] and "aga" in facts["tags"]
    assert body.lstrip().startswith("# aga-0123\n\nAGA (Rahat et al. 2024), Automated Generative Data Augmentation")


def test_weights_are_listed_with_revision_and_licence_and_none_is_loaded():
    aga = AGA(
        detector=GroundingDINO(weights="facebook/sam-vit-huge", revision="abc"),
        painter=DiffusionPainter(weights="stabilityai/sdxl-turbo", lora="someone/style/file.safetensors"),
    )
    card = card_of(aga)
    assert table(card, "sam-vit-huge")[:5] == ["`GroundingDINO`", "`facebook/sam-vit-huge`", "abc", "Apache-2.0", "yes"]
    assert table(card, "sdxl-turbo")[2:5] == [
        "main",
        "Stability AI Non-Commercial Research Community (sai-nc-community)",
        "no",
    ]
    assert table(card, "someone/style")[2:5] == ["main", "unknown", "unknown"]
    assert "one batch size" in card and "No part has weights" not in card


def test_local_weights_are_known_by_their_digest_and_not_by_where_they_lie(tmp_path):
    folder, file = tmp_path / "secret" / "model", tmp_path / "secret" / "sam_vit_h_4b8939.pth"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    file.write_bytes(b"weights")
    card = card_of(
        AGA(
            detector=GroundingDINO(weights=str(folder)),
            painter=DiffusionPainter(weights=str(file), lora="/gone/away.safetensors"),
        )
    )
    row = table(card, "local folder")
    assert row[2] == weights_identity(str(folder)) and row[3:5] == ["mit", "unknown"]
    assert table(card, "sam_vit_h_4b8939.pth")[3] == "Apache-2.0"
    assert table(card, "away.safetensors")[1] == "`away.safetensors`"
    assert str(tmp_path) not in card and "secret" not in card and "/gone" not in card


def test_without_weights_the_card_promises_the_same_bits():
    card = card_of(AGA(detector=CentrePrior(), segmenter=GrabCut()))
    assert "No part has weights." in card and "same to the bit in any order" in card
    assert "`CentrePrior`" in card and "`GrabCut`" in card


def test_captions_are_counted():
    rows = [
        image(),
        image(caption="a field", temporal="at noon", caption_tries=4, caption_fallback=True),
        image(caption="a field", caption_tries=3),
    ]
    card = card_of(AGA(), rows, seed=7)
    assert "distinct captions: 2 for 3 images" in card
    assert "usable: 1" in card and "2.67 on average" in card
    assert "drawn: 1 spatial settings, 2 times" in card
    assert "`aga_lightning-18x13`: 3 instructions, 18 spatial settings, 13 times" in card
    assert "- seed: 7" in card


def test_a_prompt_set_that_settings_have_changed_is_said_to_be():
    card = card_of(AGA(prompts=PromptEngine(preset="official-17", exclude=["beach"])), [image()])
    assert "`official-17`, changed by settings: 3 instructions, 16 spatial" in card


def test_a_method_without_captions_has_no_word_about_them():
    card = card_of(Plain(), [{"file_name": "a/0.jpg", "class": "plum"}])
    assert "## Captions" not in card and "\n\nDoes nothing.\n\n" in card and "Twice" not in card


def test_images_and_rejects_are_counted_by_class_and_by_reason():
    rejected = [reject("area 0.1 is small"), reject("area 0.25 is small", "lime"), reject("no plum")]
    card = card_of(AGA(), [image(), image("pear")], rejected)
    assert [table(card, name)[:3] for name in ("| lime |", "| pear |", "| plum |")] == [
        ["lime", "0", "1"],
        ["pear", "1", "0"],
        ["plum", "1", "2"],
    ]
    assert table(card, "area is") == ["area is small", "2"]
    assert card.index("area is") < card.index("| no plum")


def test_odd_names_do_not_break_a_table():
    card = card_of(Plain(), [image("a|b\nc <b>")])
    assert "| a\\|b c &lt;b> | 1 | 0 |" in card


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("the subject's score is 0.31, less than 0.45", "the subject's score is less than 0.45"),
        ("it covers 3.2% of the picture, more than 2.5%", "it covers more than 2.5% of the picture"),
        ("it is in 4 parts, more than 3", "it is in more than 3 parts"),
        ("the mask covers 0.9 of it, 3 more than 12.5", "the mask covers of it, more than"),
        ("the background is nearly blank: contrast 1.2, less than 3.0", "the background is nearly blank"),
        ('it shows a class: "an owl, 3 of them" (0.9), "a tree" (0.8)', "it shows a class"),
        ("/my photos/plum 3.png is empty: copy it again", "a file is empty"),
        ("photos/train/a.jpeg cannot be read (bad)", "a file cannot be read"),
        (r"C:\photos\a.png is empty", "a file is empty"),
        ("/b/i.jpg and its mask /a/m 1.png differ in size: 3 x 4", "a file and its mask a file differ in size"),
        ("no subject was found: no bird could be isolated", "no subject was found"),
        ("nothing/none of it, e.g. this", "nothing/none of it, e.g. this"),
    ],
)
def test_reasons_are_one_kind_whatever_their_numbers_and_files(reason, kind):
    assert kind_of_reason(reason) == kind
