"""Maps, maps with the channels last, and tokens, told apart by their shape and the image's."""

import pytest
import torch

from aga_lightning.explain.layout import Layout, layouts

FIRST, LAST = {"axis": 1}, {"axis": 3}
CASES = {
    # shape of the output, height and width of the image, tokens before the places: rows, columns and what else is so
    "a map": ((1, 512, 7, 7), (224, 224), None, [(7, 7, FIRST)]),
    "channels last": ((1, 7, 7, 768), (224, 224), None, [(7, 7, LAST)]),
    "oblong": ((1, 512, 4, 7), (128, 224), None, [(4, 7, FIRST)]),
    "oblong, channels last": ((1, 4, 7, 768), (128, 224), None, [(4, 7, LAST)]),
    "both may be": ((1, 96, 96, 96), (384, 384), None, [(96, 96, FIRST), (96, 96, LAST)]),
    "sides rounded up": ((1, 64, 12, 16), (375, 500), None, [(12, 16, FIRST)]),
    "sides rounded down, channels last": ((1, 11, 15, 64), (375, 500), None, [(11, 15, LAST)]),
    "one side up, one down": ((1, 5, 7, 768), (130, 250), None, [(5, 7, LAST)]),
    "a map that is squeezed": ((1, 64, 32, 8), (224, 224), None, [(32, 8, FIRST)]),
    "tokens": ((1, 196, 192), (224, 224), None, [(14, 14, {"axis": 2})]),
    "a class token": ((1, 197, 192), (224, 224), None, [(14, 14, {"axis": 2, "before": 1})]),
    "registers": ((1, 201, 192), (224, 224), None, [(14, 14, {"axis": 2, "before": 5})]),
    "as the network says": ((1, 16, 64), (96, 96), 7, [(3, 3, {"axis": 2, "before": 7})]),
    "before other tokens come": ((1, 196, 192), (224, 224), 5, [(14, 14, {"axis": 2})]),
    "tokens of an oblong image": ((1, 8 * 14 + 1, 192), (128, 224), None, [(8, 14, {"axis": 2, "before": 1})]),
    "tokens with rests left out": ((1, 7 * 12 + 1, 192), (120, 200), 1, [(7, 12, {"axis": 2, "before": 1})]),
    "too many other tokens": ((1, 209, 192), (224, 224), None, []),
    "other tokens than the network says": ((1, 199, 192), (224, 224), 1, []),
    "logits": ((1, 1000), (224, 224), None, []),
    "a video's": ((1, 64, 8, 7, 7), (224, 224), None, []),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_on_the_image(case):
    shape, size, before, expected = CASES[case]
    assert layouts(shape, size, before) == [Layout(rows, columns, **others) for rows, columns, others in expected]


def test_places_become_a_map_and_go_back():
    pictured = torch.randn(2, 5, 3, 4)
    tokens = torch.stack([pictured[:, :, row, column] for row in range(3) for column in range(4)], dim=1)
    others = torch.randn(2, 2, 5)
    for layout, output in {
        Layout(3, 4): pictured,
        Layout(3, 4, axis=3): pictured.permute(0, 2, 3, 1),
        Layout(3, 4, axis=2, before=2): torch.cat([others, tokens], dim=1),
    }.items():
        assert layout.to_map(output).equal(pictured)
        assert layout.from_map(pictured, output).equal(output)
