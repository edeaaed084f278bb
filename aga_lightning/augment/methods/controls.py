"""Controls without weights: what is left of AGA's effect when its background is plain, blurred, real, or not changed.

All of them isolate, move and paste the subject as AGA does, by the same settings and seeds, so that an image of one arm
is the pair of that of another and differs in the background alone.
"""

from abc import abstractmethod
from functools import cached_property
from typing import Any

from aga_lightning.augment.base import BackgroundGenerator, Detector, Draft, Gate, Request, Segmenter
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.engine.accepting import Accept
from aga_lightning.augment.engine.isolation import Boxes, Photo, Subjects, detector_for
from aga_lightning.augment.engine.method import Method
from aga_lightning.augment.engine.scenery import Backgrounds, Merge, Texts
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.gates.embedded import BlankBackground, subject_gates
from aga_lightning.augment.painters.class_donors import ClassDonors, Classes
from aga_lightning.augment.painters.mean_colour import MeanColour, Of
from aga_lightning.augment.painters.own_photo import OwnPhoto
from aga_lightning.augment.segmenters.best_mask import BestMask


class BackgroundControl(Method):
    """AGA's steps 1 and 3b with another painter between them; no caption is asked for.

    Args:
        detector: Where the subject is, as in AGA.
        segmenter: Which pixels are the subject's, as in AGA.
        merging: How the subject is moved and pasted, as in AGA.
        gates: What subjects and images must pass; by default a sane mask.
        max_side: As in AGA.
    """

    detector: Detector | None = None
    segmenter: Segmenter = BestMask()
    merging: Merging = Merging()
    gates: list[Gate] | None = None
    max_side: int | None = 512

    def __post_init__(self) -> None:
        if self.gates is None:
            self.gates = subject_gates()
        _ = self.painter  # which refuses settings that cannot be

    @cached_property
    def painter(self) -> BackgroundGenerator:
        """What stands behind the subject; it borrows the training images."""
        return self.make_painter()

    @abstractmethod
    def make_painter(self) -> BackgroundGenerator:
        """The painter that the settings stand for."""

    @property
    @abstractmethod
    def remark(self) -> str:
        """What stands behind the subject, in words, in place of a caption."""

    def steps(self) -> Step[Draft]:
        """AGA's steps, with a remark in place of a caption."""
        gates = self.gates or []
        photo = Photo(self.max_side)
        subjects = Subjects(self.segmenter, photo, Boxes(detector_for(self.detector, self.segmenter), photo))
        subject = Accept("subject", gates, subjects, photo)
        remark = Texts(self.remark)
        caption = Accept("caption", gates, remark, photo)
        painted = Backgrounds(self.painter, remark, self.max_side, lenders=self.lenders(subjects, subject))
        background = Accept("background", gates, painted, remark, photo)
        return Accept("image", gates, Merge(self.merging, photo, subject, caption, background))

    def lenders(self, subjects: Subjects, accepted: Accept) -> Step[Any]:
        """Which subjects the painter is told of: all, accepted or not, as no other will stand in front of them."""
        return subjects

    def learned(self) -> dict[str, object]:
        """What else decides the output: what the steps learned, and the painter that the settings stand for."""
        return {**super().learned(), "painter": describe(self.painter)}

    def partner(self, request: Request, background: Request) -> Request:
        """Where another one's background is offered, one that was made for the subject itself."""
        return Request(request.record, background.variant, background.seed)


class MeanColourBackground(BackgroundControl):
    """A control: the subject in front of one mean colour; after the background challenge of Xiao et al. (2020).

    Their "Noise or Signal" (arXiv 2006.09994) shows foregrounds on black; here the one colour is the mean of the
    training images' backgrounds, the same for all images and classes, so that the background tells nothing. With `of:
    image` it is the mean of the photo's own background, which keeps its colour and loses its texture and layout: green
    may still tell a bird of the woods from one of the sea. Subjects are isolated, moved and pasted as in AGA. Gates
    against blank backgrounds are left out. In the mode `online` an image keeps its background, and the subject is
    placed afresh.

    Cost an image: milliseconds, no model; beyond isolating the subject 7 (`training`) or 15 (`image`) on a CPU core at
    500 pixels.

    Args:
        of: Of which backgrounds the colour is the mean: training (one colour for all) or image (the photo's own).
        photos: Of how many training photos the one colour is the mean at most; null takes all of them.

    Raises:
        ValueError: If `of` is neither, or `photos` is below 1.
    """

    of: Of = "training"
    photos: int | None = 256

    def __post_init__(self) -> None:
        if self.gates is not None:
            self.gates = [gate for gate in self.gates if not isinstance(gate, BlankBackground)]
        super().__post_init__()

    def make_painter(self) -> BackgroundGenerator:
        """One colour."""
        return MeanColour(of=self.of, photos=self.photos)

    @property
    def remark(self) -> str:
        """Whose mean colour it is."""
        whose = "the training images' backgrounds" if self.of == "training" else "its own background"
        return f"the mean colour of {whose}"


class BlurredBackground(BackgroundControl):
    """A control of ours: the subject, sharp, in front of its own background, blurred.

    The subject is painted over first, so that its colours do not bleed into the blur; then a Gaussian takes texture and
    detail out of the background, and leaves its colours and their layout. Xiao et al. (2020) ask the same question,
    what a background alone tells, without a blur; the strength of ours is no published setting. Subjects are isolated,
    moved and pasted as in AGA. In the mode `online` an image keeps its background, and the subject is placed afresh.

    Cost an image: milliseconds, no model; beyond isolating the subject 45 on a CPU core at 500 pixels.

    Args:
        sigma: Standard deviation of the Gaussian, as a share of the image's longer side.
        margin: By how much what is painted over reaches beyond the subject's mask, in diagonals of the subject's box.

    Raises:
        ValueError: If `sigma` is not above 0, or `margin` is negative.
    """

    sigma: float = 0.05
    margin: float = 0.12

    def __post_init__(self) -> None:
        if self.sigma <= 0:
            raise ValueError(f"sigma is {self.sigma}; give a share of the image's side above 0, or take OwnBackground")
        super().__post_init__()

    def make_painter(self) -> BackgroundGenerator:
        """The photo itself, blurred."""
        return OwnPhoto(margin=self.margin, blur=self.sigma)

    @property
    def remark(self) -> str:
        """That the background is blurred."""
        return "its own background, blurred"


class OwnBackground(BackgroundControl):
    """A control of ours: the subject in front of its own background, from which it was taken.

    The subject is painted over, then moved, turned and pasted as AGA does it. Seams, resampling and the edge of
    sharpness are those of AGA; the background's scene is the original's. What AGA gains over this arm comes from new
    backgrounds; what this arm gains over the originals comes from moving the subject. ForAug (Nauen et al. 2025) has
    the same setting as `original`. In the mode `online` the subject is placed afresh.

    Cost an image: milliseconds, no model; beyond isolating the subject 45 on a CPU core at 500 pixels.

    Args:
        margin: By how much what is painted over reaches beyond the subject's mask, in diagonals of the subject's box.

    Raises:
        ValueError: If `margin` is negative.
    """

    margin: float = 0.04

    def make_painter(self) -> BackgroundGenerator:
        """The photo itself."""
        return OwnPhoto(margin=self.margin)

    @property
    def remark(self) -> str:
        """That the background is the subject's own."""
        return "its own background"


class BackgroundSwap(BackgroundControl):
    """ForAug (Nauen et al. 2025) without its models: the subject in front of another training photo's real background.

    ForAug (arXiv 2503.09399) isolates with Grounding DINO and SAM, fills the donor's hole with LaMa or an eraser on
    SDXL, and recombines during training. Its released code has as defaults: donors of all classes (`all`; the
    alternatives are `same` and the own background), none of which had a subject that filled 0.8 of it or more, the
    whole donor as background, the subject's place uniform, and the mask's edge blurred with sigma 4 (it suggests 2 or
    4). Here: `all`, 0.8 for what is painted over, as much of the donor as has the photo's shape, mirrored half of the
    time, inpainting without a model, and the subject isolated, moved and pasted as in AGA by the same settings, so that
    the background is all that differs; for ForAug's edge set `merging` to {edge: feathered, feather: 4}.

    `all` and `same` are also the question of Mixed-Rand and Mixed-Same (Xiao et al. 2020, "Noise or Signal"): `same`
    keeps the link of background and label, and is the paired control; `other` breaks it wholly. Where no other photo of
    a class will do, `same` falls back on the photo's own background. In the mode `online`, subjects and backgrounds of
    all images are paired afresh with `all`; with `same` and `other` those that were made for an image are.

    Cost an image: milliseconds, no model; beyond isolating the subjects 45 on a CPU core at 500 pixels.

    Args:
        backgrounds: Whose: all, same (of the subject's class) or other (of any other class).
        max_hole: Largest share of a donor that may be painted over; donors with larger subjects are passed over.
        min_crop: Smallest side of a donor's crop, in sides of the largest crop of the photo's shape.
        margin: By how much what is painted over reaches beyond the donor's mask, in diagonals of its subject's box.

    Raises:
        ValueError: If `max_hole` or `min_crop` is out of range.
    """

    backgrounds: Classes = "all"
    max_hole: float = 0.8
    min_crop: float = 1.0
    margin: float = 0.12

    def make_painter(self) -> BackgroundGenerator:
        """Other training photos."""
        return ClassDonors(classes=self.backgrounds, margin=self.margin, max_hole=self.max_hole, min_crop=self.min_crop)

    @property
    def remark(self) -> str:
        """Of which classes the background is."""
        whose = {"all": "", "same": " of its class", "other": " of another class"}[self.backgrounds]
        return f"the background of another training image{whose}"

    def partner(self, request: Request, background: Request) -> Request:
        """Any one with `all`; else one that was made for the subject."""
        return background if self.backgrounds == "all" else super().partner(request, background)

    def lenders(self, subjects: Subjects, accepted: Accept) -> Step[Any]:
        """Accepted ones: what a rejected mask leaves in a background would be a subject of another class."""
        return accepted
