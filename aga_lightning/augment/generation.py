"""Fill the store under Lightning's Trainer, so that its devices, nodes and ranks share the work."""

from collections import Counter
from collections.abc import Sequence

from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, Dataset

from aga_lightning.augment.base import Request
from aga_lightning.augment.collection import Collection, Outcome


class PendingRequests(Dataset[list[Request] | list[Outcome]]):
    """What is still to be made, an item for each training image.

    Parts that run on the CPU do their work here, in the loader's worker processes; those that need an accelerator do
    it in the predict step, in the process that holds the device.

    Args:
        collection: Where the outcomes go.
        pending: The variants asked for, grouped by image.
    """

    def __init__(self, collection: Collection, pending: Sequence[list[Request]]) -> None:
        self.collection = collection
        self.pending = pending

    def __len__(self) -> int:
        """How many images still wait for an augmentation."""
        return len(self.pending)

    def __getitem__(self, index: int) -> list[Request] | list[Outcome]:
        """The outcomes of one image's requests, or the requests where an accelerator is needed."""
        requests = self.pending[index]
        return requests if self.collection.augmenter.accelerated else self.collection.make(requests)


class StoreFiller(LightningModule):
    """Its predict step makes what the loader's workers have not made, and counts the outcomes.

    Args:
        collection: Where the outcomes go.
    """

    def __init__(self, collection: Collection) -> None:
        super().__init__()
        self.collection = collection
        self.counts: Counter[str] = Counter()

    def loader(self, pending: Sequence[list[Request]], num_workers: int) -> DataLoader[list[Request] | list[Outcome]]:
        """Batches of one image each; the trainer splits them over its ranks without repeating any."""
        dataset = PendingRequests(self.collection, pending)
        workers = 0 if self.collection.augmenter.accelerated else num_workers
        return DataLoader(dataset, batch_size=1, num_workers=workers, collate_fn=_first)

    def predict_step(self, batch: list[Request] | list[Outcome]) -> None:
        """Finish one image."""
        requests = [item for item in batch if isinstance(item, Request)]
        outcomes = [item for item in batch if isinstance(item, Outcome)]
        for outcome in outcomes + (self.collection.make(requests) if requests else []):
            self.counts["made" if outcome.path else "rejected"] += 1


def _first(items: list[list[Request] | list[Outcome]]) -> list[Request] | list[Outcome]:
    return items[0]
