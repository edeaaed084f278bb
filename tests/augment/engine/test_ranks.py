from datetime import timedelta
from types import SimpleNamespace

from torch import distributed

from aga_lightning.augment.engine.ranks import Ranks


def test_ranks_wait_for_the_slowest_longer_than_a_trainer_s_own_group(monkeypatch):
    calls = []
    monkeypatch.setattr(distributed, "new_group", lambda **settings: calls.append(settings) or "patient")
    monkeypatch.setattr(distributed, "all_reduce", lambda numbers, group: numbers.mul_(2) and calls.append(group))
    monkeypatch.setattr(distributed, "destroy_process_group", calls.append)
    with Ranks.of(SimpleNamespace(global_rank=1, world_size=2)) as ranks:
        assert (ranks.total(3), ranks.mine("abcd")) == (6, "bd")
    assert calls[0]["timeout"] > timedelta(days=30) and calls[1:] == ["patient", "patient"]
    with Ranks.of(None) as alone:
        assert (alone.total(3), alone.mine("abcd"), alone.share(lambda: "ab")) == (3, "abcd", ["a", "b"])
