"""Text-to-image: the whole picture, subject and all, is painted from words."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import BackgroundGenerator, Gate, Request
from aga_lightning.augment.methods.pictures import Order, PictureAugmenter, picture_filters
from aga_lightning.augment.methods.wording import check_text, filled
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.images.seeds import seed_from


class TextToImage(PictureAugmenter):
    """Text-to-image (Rombach et al. 2022): the class in AGA's settings and times, painted from words alone.

    The first row of the case study in the AGA paper (its Figure 1), and what He et al. (2023) and Sariyildiz et al.
    (2023) train on. The training image gives its class and its seed, nothing else. The paper tells neither prompts nor
    settings of its case study: the model and its settings are those of AGA's painter, SDXL with its defaults, and the
    scenes are drawn as AGA draws them, so that the subject is all that differs.

    Cost an image: 100 calls of SDXL's UNet at 1024 x 1024 pixels (50 steps, two calls a step under guidance).

    Args:
        text: What is painted; {class}, {superclass} and {scene} stand for those of the request. The text without a
            scene, "a photo of a {class}", is the basic prompt of He et al.
        scenes: Which settings and times there are.
        generator: Paints the pictures.
        filters: What a picture must pass, such as ClipFilter.
        max_side: Pictures are stored at this many pixels on their longer side at most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, or a filter looks at something else than pictures.
    """

    def __init__(
        self,
        text: str = "a photo of a {class}, {scene}",
        scenes: PromptEngine = PromptEngine(),
        generator: BackgroundGenerator = DiffusionPainter(),
        filters: Sequence[Gate] = (),
        max_side: int | None = 512,
    ) -> None:
        self.text = check_text(text)
        self.scenes = scenes
        self.generator = generator
        self.filters = picture_filters(filters)
        self.max_side = max_side
        super().__init__(generator, self.filters, max_side)

    def order(self, request: Request, cache: StageCache) -> Order:
        """The class in one of the scenes."""
        seed = seed_from(request.seed, cache.digest(request.record.path), request.variant, "prompt")
        return Order(filled(self.text, request.record, self.scenes.prompt(seed)))
