"""The size of the network and the weights that it starts from, in a line."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info


class NetworkSummary(Callback):
    """Prints the size of the network when a fit starts; Lightning's `ModelSummary` lists its layers instead."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the size."""
        parameters = list(pl_module.parameters())
        total = sum(one.numel() for one in parameters)
        trained = sum(one.numel() for one in parameters if one.requires_grad)
        megabytes = sum(one.numel() * one.element_size() for one in parameters) / 1e6
        name = getattr(pl_module, "backbone", type(pl_module).__name__)
        share = "all of them trained" if trained == total else f"{trained:,} of them trained"
        weights = getattr(pl_module, "weights", None)
        start = "" if weights is None else f"; training starts from {weights}"
        rank_zero_info(f"Network: {name} with {total:,} parameters ({megabytes:.1f} MB), {share}{start}")
