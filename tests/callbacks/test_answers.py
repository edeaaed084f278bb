import torch

from aga_lightning.callbacks.answers import AnswersOfImages


def test_answers_come_by_rising_ids_each_image_once():
    metric = AnswersOfImages()
    for ids in ([4, 1], [], [1]):
        predicted = torch.tensor(ids, dtype=torch.int64) % 2
        metric.update(torch.ones_like(predicted), predicted, predicted / 2, torch.tensor(ids, dtype=torch.int64))
    answers = metric.answers()
    assert [column.tolist() for column in answers] == [[1, 4], [1, 1], [1, 0], [0.5, 0.0]]
    assert metric.compute() == 0.5


def test_no_answers_are_no_mistake():
    assert [column.shape for column in AnswersOfImages().answers()] == [(0,)] * 4
