"""Fill the store under Lightning's Trainer, so that its devices, nodes and ranks share the work."""

from collections.abc import Callable, Sequence

from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, Dataset

from aga_lightning.augment.base import Request
from aga_lightning.augment.collection import Collection
from aga_lightning.data.workers import worker_settings

Work = list[Request]


class PendingRequests(Dataset[list[int]]):
    """What is still to be made, an item for each training image.

    Parts that run on the CPU do their work here, in the loader's worker processes; those that need an accelerator
    leave it to the predict step, in the process that holds the device.

    Args:
        collection: Where the outcomes go.
        pending: The variants asked for, grouped by image.
    """

    def __init__(self, collection: Collection, pending: Sequence[Work]) -> None:
        self.collection = collection
        self.pending = pending

    def __len__(self) -> int:
        """How many images still wait for an augmentation."""
        return len(self.pending)

    def __getitem__(self, index: int) -> list[int]:
        """Where in `pending` work is left to do: nowhere, or here.

        Plain numbers, because Lightning takes a batch apart in search of tensors, which requests do not allow.
        """
        if self.collection.augmenter.accelerated:
            return [index]
        self.collection.make(self.pending[index])
        return []


class StoreFiller(LightningModule):
    """A module whose prediction fills the store.

    Args:
        prepare: Puts the data set's files in place; called once a machine.
        open_collection: Gives what is to be filled; called once a process, when the files are in place.
        num_workers: Loader processes for the parts that run on the CPU.
    """

    def __init__(
        self, prepare: Callable[[], None], open_collection: Callable[[], Collection], num_workers: int
    ) -> None:
        super().__init__()
        self._prepare = prepare
        self._open_collection = open_collection
        self._num_workers = num_workers

    def prepare_data(self) -> None:
        """Put the data set's files in place."""
        self._prepare()

    def setup(self, stage: str) -> None:
        """Find out what is to be made."""
        self.collection = self._open_collection()
        self.pending = self.collection.pending()

    def predict_dataloader(self) -> DataLoader[list[int]]:
        """One image a batch; the trainer splits them over its ranks without repeating any."""
        workers = 0 if self.collection.augmenter.accelerated else self._num_workers
        dataset = PendingRequests(self.collection, self.pending)
        return DataLoader(dataset, batch_size=None, **worker_settings(workers))

    def predict_step(self, images: list[int]) -> int:
        """Make what the loader has left to do; how much that was."""
        return sum(len(self.collection.make(self.pending[index])) for index in images)
