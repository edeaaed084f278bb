"""Text-to-image: the whole picture, subject and all, is painted from words."""

from collections.abc import Sequence

from aga_lightning.augment.base import BackgroundGenerator, Draft, Gate
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.texts import check_text


class TextToImage(Method):
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
        painter: Paints the pictures.
        gates: What a picture must pass, such as ClipFilter. Gates that look at anything else are not asked.
        max_side: Pictures are stored at this many pixels on their longer side at most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text.
    """

    text: str = "a photo of a {class}, {scene}"
    scenes: PromptEngine = PromptEngine()
    painter: BackgroundGenerator = DiffusionPainter()
    gates: Sequence[Gate] = ()
    max_side: int | None = 512

    def __post_init__(self) -> None:
        check_text(self.text)

    def steps(self) -> Step[Draft]:
        """Words, then a picture of them."""
        photo = Photo(self.max_side)
        texts = Texts(self.text, self.scenes)
        pictures = Pictures(self.painter, photo, texts, self.max_side)
        return Accept("image", self.gates, Result(photo, texts, pictures))
