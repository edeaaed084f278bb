"""Images as a network takes them: of its size, and normalised as it was trained, unless the data module is told."""

from lightning.pytorch.utilities import rank_zero_info

from aga_lightning.checkpoints.datamodules import UnkeptDataModule
from aga_lightning.networks.network import Inputs
from aga_lightning.training.policies import Policy
from aga_lightning.training.transforms import Normalisation, build_transforms, default_size, normalisation, normalises


class FollowingDataModule(UnkeptDataModule):
    """A data module that builds its transforms for the network which is trained, where its own settings leave it free.

    `_image_size` is the size that was set, `image_size` the size that the transforms have.
    """

    recipe: str
    image_size: int | None
    _image_size: int | None
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None
    policy: Policy
    policy_magnitude: int | None

    @property
    def normalisation(self) -> Normalisation:
        """Per-channel mean and standard deviation that normalise every loader's images."""
        return self._normalisation

    def follow(self, model: object) -> None:
        """Give images the size, mean and deviation that a model's network was designed for, unless they are set.

        Args:
            model: A model may tell them by an attribute `inputs`, as `ImageClassifier` does.
        """
        inputs = getattr(model, "inputs", None)
        if not isinstance(inputs, Inputs) or self._planned(inputs) == (self.image_size, self._normalisation):
            return
        self.set_transforms(inputs)
        name, (mean, std) = getattr(model, "backbone", type(model).__name__), self._normalisation
        rank_zero_info(f"Images for {name}: {self.image_size} px, mean {list(mean)}, std {list(std)}")

    def set_transforms(self, inputs: Inputs = Inputs()) -> None:
        """Build the transforms.

        Args:
            inputs: What a network was designed for.
        """
        self.image_size, self._normalisation = self._planned(inputs)
        self.train_transform, self.eval_transform = build_transforms(
            self.recipe, self.image_size, self.policy, self.policy_magnitude, self._normalisation
        )

    def _planned(self, inputs: Inputs) -> tuple[int, Normalisation]:
        """The images' size, and what normalises them."""
        size = self._image_size or inputs.image_size or default_size(self.recipe)
        mean, std = normalisation(self.recipe)
        if normalises(self.recipe):
            mean, std = inputs.mean or mean, inputs.std or std
        return size, (tuple(self.mean or mean), tuple(self.std or std))
