"""Image-to-image: the training image half forgotten, and painted again under words."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import Gate, ImageEditor, Request
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.methods.pictures import Order, PictureAugmenter, checked_strength, picture_filters
from aga_lightning.augment.methods.wording import check_text, filled
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.images.seeds import seed_from


class ImageToImage(PictureAugmenter):
    """Image-to-image (SDEdit, Meng et al. 2022): the training image under noise, which is taken away again under words.

    The second row of the case study in the AGA paper (its Figure 1). The more noise, the less is left of the subject
    and of the background alike. The paper tells neither prompts nor settings: the model is AGA's, SDXL, with the
    guidance 5 of AGA's painter, the scenes are AGA's, and the strength of 0.5 lies in the middle of what SDEdit
    recommends (0.3 to 0.6).

    Cost an image: 50 calls of SDXL's UNet at 1024 x 1024 pixels (half of 50 steps, two calls a step under guidance).

    Args:
        text: What is painted; {class}, {superclass} and {scene} stand for those of the request.
        scenes: Which settings and times there are.
        strength: How much of the image is given up, above 0 (nothing) to 1 (all of it).
        editor: Paints the picture.
        filters: What a picture must pass, such as ClipFilter.
        max_side: The training images are worked on, and the pictures stored, at this many pixels on their longer side
            at most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, the strength is out of range, or a filter looks at
            something else than pictures.
    """

    def __init__(
        self,
        text: str = "a photo of a {class}, {scene}",
        scenes: PromptEngine = PromptEngine(),
        strength: float = 0.5,
        editor: ImageEditor = DiffusionEditor(guidance=5.0),
        filters: Sequence[Gate] = (),
        max_side: int | None = 512,
    ) -> None:
        self.text = check_text(text)
        self.scenes = scenes
        self.strength = checked_strength(strength)
        self.editor = editor
        self.filters = picture_filters(filters)
        self.max_side = max_side
        super().__init__(editor, self.filters, max_side)

    @property
    def mean_strength(self) -> float:
        """Of all pictures."""
        return self.strength

    def order(self, request: Request, cache: StageCache) -> Order:
        """The class in one of the scenes."""
        seed = seed_from(request.seed, cache.digest(request.record.path), request.variant, "prompt")
        return Order(filled(self.text, request.record, self.scenes.prompt(seed)), self.strength)
