import pytest
import torch

from aga_lightning.augment.detectors.bert_adapter import BertAdapter, adapted, quietly

LETTERS = torch.tensor([[101, 200, 1012, 201, 202, 102]])


@pytest.fixture(scope="module")
def bert():
    from tiny.bert import bert_config
    from transformers import BertModel

    torch.manual_seed(0)
    return BertModel(bert_config(layers=2)).eval()


@torch.inference_mode()
def test_with_a_mask_for_all_tokens_it_is_bert(bert):
    mask = torch.tensor([[1, 1, 1, 1, 0, 0]])
    expected = bert(LETTERS, attention_mask=mask).last_hidden_state
    given = BertAdapter(bert)(LETTERS, mask)["last_hidden_state"]
    assert torch.allclose(given[:, :4], expected[:, :4], atol=1e-6)


@torch.inference_mode()
def test_with_a_mask_for_each_token_phrases_do_not_see_each_other(bert):
    mask = torch.eye(6).bool()
    mask[1:3, 1:3] = mask[3:5, 3:5] = True
    positions = torch.tensor([[0, 0, 1, 0, 1, 0]])
    encode = BertAdapter(bert)
    first = encode(LETTERS, mask[None], torch.zeros_like(LETTERS), positions)["last_hidden_state"]
    changed = LETTERS.clone()
    changed[0, 3] = 210
    second = encode(changed, mask[None], torch.zeros_like(LETTERS), positions)["last_hidden_state"]
    assert torch.equal(first[:, :3], second[:, :3]) and not torch.allclose(first[:, 4], second[:, 4])
    alone = encode(LETTERS[:, 1:3], torch.ones(1, 2))["last_hidden_state"]
    assert torch.allclose(first[:, 1:3], alone, atol=1e-6)


def test_tensors_keep_the_names_of_published_checkpoints(bert):
    assert set(BertAdapter(bert).state_dict()) == set(bert.state_dict())


def test_groundingdino_is_as_it_was_afterwards():
    pytest.importorskip("groundingdino", reason="needs the extra groundingdino", exc_type=ImportError)
    with quietly():
        from groundingdino.models.GroundingDINO import groundingdino as detector
        from groundingdino.util import get_tokenlizer as sources
    before = detector.BertModelWarper, vars(sources).copy()
    with pytest.raises(KeyError), adapted():
        assert detector.BertModelWarper is BertAdapter
        raise KeyError
    assert (detector.BertModelWarper, vars(sources)) == before
