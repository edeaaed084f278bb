"""Image-to-image: the training image half forgotten, and painted again under words."""

from collections.abc import Sequence

from aga_lightning.augment.base import Draft, Gate, ImageEditor
from aga_lightning.augment.editors.diffusion import DiffusionEditor
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.pictures import Pictures, Result, checked_strength
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.texts import check_text


class ImageToImage(Method):
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
        gates: What a picture must pass, such as ClipFilter. Gates that look at anything else are not asked.
        max_side: The training images are worked on, and the pictures stored, at this many pixels on their longer side
            at most; null keeps their own size.

    Raises:
        ValueError: If there is an unknown place in the text, or the strength is out of range.
    """

    text: str = "a photo of a {class}, {scene}"
    scenes: PromptEngine = PromptEngine()
    strength: float = 0.5
    editor: ImageEditor = DiffusionEditor(guidance=5.0)
    gates: Sequence[Gate] = ()
    max_side: int | None = 512

    def __post_init__(self) -> None:
        check_text(self.text)
        checked_strength(self.strength)

    def steps(self) -> Step[Draft]:
        """Words, then the photo edited under them."""
        photo = Photo(self.max_side)
        texts = Texts(self.text, self.scenes)
        pictures = Pictures(self.editor, photo, texts, self.max_side, strengths=[self.strength])
        return Accept("image", self.gates, Result(photo, texts, pictures))
