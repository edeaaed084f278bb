import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny.blip import save_blip
from tiny.clip_model import save_clip
from tiny.grounding_dino import save_grounding_dino
from tiny.llama import build_llama
from tiny.sam import save_sam

from aga_lightning.augment.base import Part, accelerated
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.gates.clip import ClipFilter
from aga_lightning.augment.image_captioners.captioning_model import CaptioningModel
from aga_lightning.augment.pretrained import Pretrained, PretrainedError, explained, weights_identity
from aga_lightning.augment.segmenters.sam import SAM


class Doubler(Pretrained):
    """Doubles numbers; out of memory above `room` at a time."""

    half = torch.bfloat16
    not_in_key = Pretrained.not_in_key | {"room"}

    def __init__(self, weights="org/doubler", revision=None, dtype="auto", batch_size=4, device=None, room=99):
        self.weights = weights
        self.revision = revision
        self.dtype = dtype
        self.batch_size = batch_size
        self.device = device
        self.room = room
        self.loads = 0
        self.sizes = []

    def load(self):
        self.loads += 1
        return lambda numbers: [2 * number for number in numbers]

    def double(self, numbers, **settings):
        return self.batched(numbers, self._call, **settings)

    def _call(self, numbers):
        self.sizes.append(len(numbers))
        if len(numbers) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return self.model(numbers)


def test_the_model_is_loaded_once_when_it_is_first_used_and_again_after_its_release():
    part = Doubler()
    assert part.loads == 0
    part.double([1]), part.double([2])
    assert part.loads == 1
    part.release()
    part.double([3])
    assert part.loads == 2


def test_a_copy_leaves_the_model_behind():
    part = Doubler(room=7)
    part.on(torch.device("cpu"))
    assert part.model is not None
    assert "_model" in vars(part)
    copied = part.__getstate__()
    assert "_model" not in copied and "_place" not in copied
    part.release()
    assert pickle.loads(pickle.dumps(part)).room == 7


def test_batches_have_one_size_and_results_keep_their_order():
    part = Doubler()
    assert part.double(list(range(10))) == [2 * number for number in range(10)]
    assert part.sizes == [4, 4, 4]
    assert part.double([]) == []


def test_out_of_memory_halves_the_batches_for_good_and_goes_on():
    part = Doubler(batch_size=8, room=3)
    with pytest.warns(UserWarning, match="goes on with"):
        assert part.double(list(range(9))) == [2 * number for number in range(9)]
    assert part.sizes[:2] == [8, 4]
    assert set(part.sizes[2:]) == {2}
    part.double([1])
    assert part.sizes[-1] == 2


def test_what_does_not_fit_one_by_one_is_an_error_with_the_remedy():
    with pytest.raises(PretrainedError, match=r"org/doubler.*smaller"):
        Doubler(batch_size=1, room=0).double([1])


def test_it_runs_where_the_trainer_wants_it_unless_told_otherwise():
    part = Doubler()
    part.on(torch.device("meta"))
    assert part.torch_device.type == "meta"
    fixed = Doubler(device="cpu")
    fixed.on(torch.device("meta"))
    assert fixed.torch_device.type == "cpu"


def test_moving_to_another_device_loads_anew():
    part = Doubler()
    part.on(torch.device("cpu"))
    part.double([1])
    part.on(torch.device("cpu"))
    part.double([1])
    assert part.loads == 1
    part.on(torch.device("meta"))
    part.double([1])
    assert part.loads == 2


def test_numbers_are_as_asked_and_by_default_as_the_device_wants():
    assert Doubler(dtype="float16").torch_dtype == torch.float16
    assert Doubler(device="cpu").torch_dtype == torch.float32
    assert Doubler(device="meta").torch_dtype == torch.bfloat16


def test_a_key_holds_no_place_no_batch_size_and_no_device(tmp_path):
    one, other = tmp_path / "one", tmp_path / "deep" / "other"
    for folder in (one, other):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
    first, second = Doubler(str(one)), Doubler(str(other), batch_size=1, device="cpu")
    assert fingerprint(first) == fingerprint(second)
    assert str(tmp_path) not in str(first.setting("weights"))


@pytest.mark.parametrize("change", ["content", "name", "size", "further file"])
def test_other_weights_are_another_key(tmp_path, change):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    before = weights_identity(str(tmp_path))
    if change == "content":
        file.write_bytes(b"Weights")
    elif change == "name":
        file.rename(tmp_path / "other.safetensors")
    elif change == "size":
        file.write_bytes(b"weights!")
    else:
        (tmp_path / "config.json").write_text("{}")
    assert weights_identity(str(tmp_path)) != before


def test_a_hubs_name_is_told_by_its_revision():
    assert weights_identity("org/name") == "org/name@main"
    assert fingerprint(Doubler(revision="v1")) != fingerprint(Doubler(revision="v2"))


def test_missing_weights_are_told_in_a_line_with_the_remedy(tmp_path):
    with pytest.raises(PretrainedError, match=r"^org/name cannot be loaded as a model \(no such file\).*hf download"):
        with explained("a model", "org/name"):
            raise OSError("no such file\nand many more lines")
    with pytest.raises(PretrainedError, match=r"is it a model, and complete\?"):
        with explained("a model", str(tmp_path)):
            raise KeyError("layer.0")


def test_weights_that_a_clone_left_out_are_called_by_their_name(tmp_path):
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(PretrainedError, match=r"model\.safetensors is a pointer of Git LFS.*git lfs pull"):
        with explained("a model", str(tmp_path)):
            raise ValueError("header too large")


def test_a_part_with_weights_needs_an_accelerator_wherever_it_hides():
    class Holder(Part):
        def __init__(self, parts):
            self.parts = parts

    assert accelerated(Holder([Doubler()]))
    assert not accelerated(Holder([]))


MODELS = {
    SAM: (save_sam, "a SAM"),
    GroundingDINO: (save_grounding_dino, "a zero-shot object detector"),
    ClipFilter: (save_clip, "a CLIP or SigLIP checkpoint"),
    CaptioningModel: (save_blip, "a captioning model"),
    LanguageModel: (build_llama, "a causal language model"),
}


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_a_model_of_transformers_is_loaded_whole_or_told_in_a_line(kind, tmp_path, monkeypatch):
    save, what = MODELS[kind]
    folder, other = tmp_path / "model", tmp_path / "other"

    def refused(weights, words):
        with pytest.raises(PretrainedError, match=words) as told:
            kind(weights=str(weights)).load()
        assert "\n" not in str(told.value)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the environment is read at import
    refused("org/missing", "^org/missing cannot be loaded .*give a folder that exists.*hf download org/missing")
    other.mkdir()
    refused(other, f"is it {what}.* and complete")
    (other / "config.json").write_text('{"model_type": "vit"}')
    refused(other, "other")
    save(folder)
    assert kind(weights=str(folder)).load() is not None
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in sorted(tensors) if "norm" in name.lower() and name.endswith("weight"))
    kept = {name: tensor for name, tensor in tensors.items() if name != lost}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    refused(
        folder,
        f"lacks 1 tensors of its .*{lost.rpartition('.')[0].rpartition('.')[2]}.weight.*fetch the checkpoint again",
    )
    (folder / "model.safetensors").write_bytes(b"not a checkpoint")
    refused(folder, "and complete")
