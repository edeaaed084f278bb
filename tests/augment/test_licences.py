"""What is said of licences: by the table, by a folder's own files, and nothing where nobody knows."""

import pytest

from aga_lightning.augment.licences import KNOWN, Licence, licence_in, licence_of


@pytest.mark.parametrize(
    ("weights", "name", "commercial"),
    [
        ("IDEA-Research/grounding-dino-tiny", "Apache-2.0", True),
        ("TheBloke/Llama-2-13B-chat-GPTQ", "Llama 2 Community License", True),
        ("ByteDance/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors", "OpenRAIL++", True),
        ("black-forest-labs/FLUX.1-dev", "FLUX.1 [dev] Non-Commercial", False),
        ("openai/clip-vit-large-patch14", "none on the model's card", None),
        ("models/sam_vit_h_4b8939.pth", "Apache-2.0", True),
    ],
)
def test_well_known_weights_are_found_by_the_names_that_settings_give_them(weights, name, commercial):
    found = licence_of(weights)
    assert (found.name, found.commercial) == (name, commercial)


@pytest.mark.parametrize("weights", ["someone/else", "facebook", "/nowhere/model.pth", "DEFAULT"])
def test_of_other_weights_nothing_is_said(weights):
    assert licence_of(weights) is None


def test_every_entry_can_be_planned_with():
    for weights, licence in KNOWN.items():
        assert licence.name and 0 < licence.download_gb < 50, weights


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"README.md": "---\nlicense: apache-2.0\ntags: [a]\n---\n# Model\n"}, "apache-2.0"),
        ({"README.md": "---\nlicense: other\nlicense_name: own-terms\n---\n", "LICENSE": "MIT License\n"}, "own-terms"),
        ({"README.md": "# Model\n", "LICENSE": "\n  MIT License\n\nCopyright\n"}, "MIT License"),
        ({"README.md": "---\nlicense: [unclosed\n---\n", "LICENSE.md": "# Own terms\n"}, "Own terms"),
        ({"README.md": "---\nlicense: mit\nnever closed"}, None),
        ({"README.md": "---\n- a list\n---\n"}, None),
        ({"LICENSE": "\n\n"}, None),
        ({}, None),
    ],
)
def test_a_folder_is_taken_at_its_word_and_no_more(tmp_path, files, name):
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    found = licence_of(str(tmp_path))
    assert found == licence_in(tmp_path)
    assert (found and (found.name, found.commercial)) == (name and (name, None))


def test_a_local_folder_is_not_mistaken_for_the_hub_name_that_it_bears(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "facebook" / "sam-vit-huge").mkdir(parents=True)
    assert licence_of("facebook/sam-vit-huge") is None
    assert licence_of("facebook/sam-vit-base") == Licence("Apache-2.0", True, "", 0.38)
