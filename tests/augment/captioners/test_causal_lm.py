import logging
import shutil
import sys
from importlib.util import find_spec

import pytest
import torch
from tiny.gptq import build_gptq
from tiny.llama import build_llama

from aga_lightning.augment.captioners.causal_lm import alpaca, load_causal_lm, plain
from aga_lightning.augment.captioners.row_sampling import RowSampler
from aga_lightning.augment.pretrained import PretrainedError

CPU = torch.device("cpu")
QUESTIONS = ("Describe a sandy beach at dawn", "Describe an old brick wall in steady rain", "Suggest a meadow")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("causal_lm")
    return {
        "chat": build_llama(folder / "chat", chat=True),
        "bare": build_llama(folder / "bare"),
        "tied": build_llama(folder / "tied", tied=True),
        "gptq": build_gptq(folder / "gptq"),
        "act_order": build_gptq(folder / "act_order", act_order=True),
    }


def loaded(folder, dtype=torch.float32):
    return load_causal_lm(str(folder), None, dtype, CPU)


def greedy(lm, width=128, **settings):
    questions = [lm.tokens(question, **settings) for question in QUESTIONS]
    with torch.inference_mode():
        return lm.answers(questions, width, RowSampler([0] * len(questions), 0), 12)


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


@pytest.fixture
def transformers_log():
    handler = Records()
    logging.getLogger("transformers").addHandler(handler)
    yield handler.messages
    logging.getLogger("transformers").removeHandler(handler)


def test_a_chat_template_is_used_where_there_is_one(checkpoints):
    lm = loaded(checkpoints["chat"])
    assert lm.tokenizer.decode(lm.tokens("a lake")) == "[INST] a lake [/INST]"
    assert lm.tokenizer.decode(lm.tokens("a lake", "Be brief.")) == "<<SYS>>Be brief.<</SYS>>[INST] a lake [/INST]"
    assert "### Instruction:\na lake\n" in lm.tokenizer.decode(lm.tokens("a lake", format="alpaca"))


def test_the_format_of_the_paper_is_used_where_there_is_none(checkpoints):
    lm = loaded(checkpoints["bare"])
    text = lm.tokenizer.decode(lm.tokens("a lake"))
    assert text == f"<s> {alpaca('a lake')}"
    assert lm.tokenizer.decode(lm.tokens("a lake", format="plain")) == "<s> a lake\n"


def test_the_format_of_alpaca():
    assert alpaca("a lake") == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\na lake\n\n### Response:\n"
    )
    assert alpaca("a lake", "Be brief.").startswith("Be brief.\n\n### Instruction:\na lake\n")
    assert plain("a lake", "Be brief.") == "Be brief.\n\na lake\n"


def test_a_template_that_refuses_a_system_text_gets_it_with_the_question(checkpoints):
    lm = loaded(checkpoints["chat"])
    refusal = "{{ raise_exception('System role not supported') }}"
    lm.tokenizer.chat_template = lm.tokenizer.chat_template.replace("<<SYS>>", refusal)
    assert lm.tokenizer.decode(lm.tokens("a lake", "Be brief.")) == "[INST] Be brief.\n\na lake [/INST]"


def test_greedy_answers_are_those_of_transformers(checkpoints):
    lm = loaded(checkpoints["chat"])
    expected = []
    for question in QUESTIONS:
        ids = torch.tensor([lm.tokens(question)])
        for _ in range(12):
            ids = torch.cat([ids, lm.network(ids).logits[:, -1].argmax(-1, keepdim=True)], dim=1)
        text = lm.tokenizer.decode(ids[0, len(lm.tokens(question)) :])
        expected.append(text.partition("</s>")[0])
    assert greedy(lm) == expected
    assert len(set(expected)) == 3


def test_an_answer_stops_at_its_end(checkpoints):
    lm = loaded(checkpoints["chat"])
    first = lm.tokenizer(greedy(lm)[0], add_special_tokens=False)["input_ids"][3]
    lm.network.generation_config.eos_token_id = [2, first]
    assert lm.tokenizer.decode(first) not in lm.tokenizer.tokenize(greedy(lm)[0])
    assert len(greedy(lm)[0]) < len(greedy(loaded(checkpoints["chat"]))[0])


def test_the_sampling_settings_of_a_checkpoint_are_not_used_and_nothing_is_warned_of(checkpoints, transformers_log):
    lm = loaded(checkpoints["bare"])
    assert lm.network.generation_config.temperature in (None, 1.0)
    greedy(lm)
    lm.tokens("a lake " * 3000)
    assert transformers_log == []


needs_gptqmodel = pytest.mark.skipif(
    find_spec("gptqmodel") is None or find_spec("optimum") is None, reason="the extra [gptq] is not installed"
)


@needs_gptqmodel
@pytest.mark.parametrize("name", ["gptq", "act_order"])
def test_a_gptq_checkpoint_says_what_its_unpacked_twin_says(checkpoints, name):
    packed, twin = (loaded(folder) for folder in checkpoints[name])
    assert type(packed.network.model.layers[0].self_attn.q_proj).__name__ == "TorchLinear"
    ids = torch.tensor([packed.tokens(QUESTIONS[0])])
    with torch.inference_mode(), torch.compiler.set_stance("fail_on_recompile"):  # nothing is compiled
        seen, expected = packed.network(ids).logits, twin.network(ids).logits
    assert torch.allclose(seen, expected, atol=1e-4)
    assert expected.std() > 0.1
    assert greedy(packed) == greedy(twin)


@pytest.mark.parametrize("package", ["gptqmodel", "optimum"])
def test_a_gptq_checkpoint_without_the_extra_is_told_with_the_remedy(checkpoints, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PretrainedError, match=r'pip install "aga-lightning\[gptq\]".*auto-gptq itself is archived'):
        loaded(checkpoints["gptq"][0])


def test_a_checkpoint_without_its_tokenizer_is_told_with_the_remedy(checkpoints, tmp_path):
    shutil.copytree(checkpoints["bare"], tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(PretrainedError, match=r"bare cannot be loaded as a causal language model .*complete\?"):
        loaded(tmp_path / "bare")
