"""Step 1b without a box: a network for salient objects, an ONNX file that OpenCV runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from aga_lightning.augment.availability import Place, Wanted, downloads, locate
from aga_lightning.augment.base import Detection, Segmenter, Subject
from aga_lightning.augment.licences import licence_of
from aga_lightning.augment.pretrained import DType, Pretrained, weights_identity
from aga_lightning.downloads import DownloadError, Published, fault_of, fetch, offline
from aga_lightning.files import pointer
from aga_lightning.images.boxes import bounding_box, components
from aga_lightning.images.pixels import Alpha, Image, Mask
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.networks.weights_files import WeightsError
from aga_lightning.paths import NameOrPath

Subjects = Literal["union", "largest"]
Map = npt.NDArray[np.float32]

TIMEOUT = 15.0
"""Seconds without a byte after which a download is given up: who is behind a wall should not wait long."""

FLAT = 0.1
"""A map whose values differ by less is constant: stretched, it would be noise. U2-Net-P's differ by 1.0 on photos with
a subject, by 0.06 on a black one and by 0.002 on other plain colours."""

_EDGE = 3.0  # pixels, of the photo or of the map, whichever are larger: further from the outline alpha is 0 or 255
_STEEPNESS = 1.25  # of alpha, beside that of the map: measured by benchmarks/edges.py


@dataclass(frozen=True, slots=True)
class Network:
    """A network as its publisher offers it, and what it expects; `licences.KNOWN` has licence and size.

    Args:
        file: The ONNX file, with the checksum that the publisher's own code compares.
        side: Height and width of the input in pixels.
        mean: Taken from each channel, after the photo was divided by its own maximum.
        deviation: What each channel is then divided by.
    """

    file: Published
    side: int = 320
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)


_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"

NETWORKS = {
    "u2netp": Network(Published(f"{_RELEASE}u2netp.onnx", "md5:8e83ca70e441ab06c318d82300c84806", 4_574_861)),
    "u2net": Network(Published(f"{_RELEASE}u2net.onnx", "md5:60024c5c889badc19c04ad937298a77b")),
    "isnet": Network(
        Published(f"{_RELEASE}isnet-general-use.onnx", "md5:fc16ebd8b0c10d971d3513d564d01e29"),
        side=1024,
        mean=(0.5, 0.5, 0.5),
        deviation=(1.0, 1.0, 1.0),
    ),
}
"""U2-Net (Qin et al. 2020), small and full, and IS-Net (Qin et al. 2022), turned into ONNX by rembg."""


@dataclass(kw_only=True, eq=False)
class SalientObject(Pretrained, Segmenter):
    """Cuts out what stands out in the photo, by a network for salient objects; it needs no detector, and asks none.

    OpenCV runs the network on the CPU, photo by photo, so that a mask depends on its own photo alone. The score is the
    mean of the network's map inside the mask. Near the mask's outline the map becomes the subject's alpha, which
    merging with `edge: soft` uses. A file that is missing is downloaded from its publisher before the first
    augmentation, unless HF_HUB_OFFLINE=1 forbids the network; the error then says what to fetch and where to put it.

    Args:
        weights: u2netp (4.6 MB), u2net (176 MB) or isnet (179 MB), which lie in torch's cache of downloads, or the path
            of an .onnx file. A file of another name is asked as U2-Net is: 320 x 320 RGB, divided by its
            own maximum, ImageNet's mean and deviation; its first output is the map.
        threshold: A pixel is the subject's if the map, stretched from its minimum to its maximum, reaches this.
        subjects: "union" keeps all that stands out, "largest" only its largest connected part.

    Raises:
        ValueError: If a setting is out of range, or `weights` neither a known name nor an .onnx file.
    """

    version = 2
    needs_accelerator = False
    needs_box = False

    weights: NameOrPath | str = "u2netp"
    threshold: float = 0.5
    subjects: Subjects = "union"

    revision: str | None = field(default=None, init=False)  # a file has none
    dtype: DType = field(default="float32", init=False)
    batch_size: int = field(default=1, init=False)
    device: str | None = field(default="cpu", init=False)

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; give a number above 0 and below 1")
        if self.subjects not in get_args(Subjects):
            raise ValueError(f"subjects is {self.subjects!r}; choose one of {', '.join(get_args(Subjects))}")
        if self.weights not in NETWORKS and not self.weights.lower().endswith(".onnx"):
            raise ValueError(f"weights is {self.weights!r}; give one of {', '.join(NETWORKS)}, or an .onnx file")

    @property
    def address(self) -> str:
        """The publisher's address of a known name; "" for a path."""
        return NETWORKS[self.weights].file.url if self.weights in NETWORKS else ""

    @cached_property
    def place(self) -> Place:
        """Where the file is, as it was found first; `fetch` looks again."""
        return locate(Wanted(self.weights, url=self.address))

    @property
    def identity(self) -> str:
        """Identity of the weights: the digest of the file, wherever it lies; the name where there is none yet."""
        path = self.place.path
        return weights_identity(self.weights if path is None else str(path))

    @property
    def expected(self) -> Network:
        """What the network expects of its input: known by the name, or by that of the file."""
        name = Path(self.weights).name
        known = (one for short, one in NETWORKS.items() if self.weights == short or one.file.name == name)
        return next(known, NETWORKS["u2netp"])

    def fetch(self, records: Sequence[ImageRecord]) -> None:
        """Download the file of a known name, unless it is there or the network is forbidden.

        Raises:
            DownloadError: If it cannot be downloaded.
        """
        vars(self).pop("place", None)
        if self.address and self.place.kind == "missing" and not offline():
            folder = downloads()
            rank_zero_info(f"{self.described} is downloaded from {self.address} to {folder}")
            fetch(self.expected.file, folder, TIMEOUT)
            del self.place

    def fetch_if_possible(self, otherwise: str) -> None:
        """`fetch` for who can do without the network.

        Args:
            otherwise: What happens without it; told in a warning where the network cannot be had.
        """
        reason = "HF_HUB_OFFLINE forbids the network" if offline() else "what is there under its name is no file"
        try:
            SalientObject.fetch(self, ())
        except DownloadError as error:
            reason = error.reason
        if self.lacking:
            rank_zero_warn(f"{self.described} cannot be had ({reason}), so {otherwise}; {self.place.remedy}")

    @property
    def lacking(self) -> bool:
        """Whether the network of a known name is missing; a path that does not exist is an error instead."""
        return bool(self.address) and self.place.kind == "missing"

    def load(self) -> Any:  # noqa: ANN401 as in the base class
        """The network.

        Raises:
            WeightsError: If there is no such file, or OpenCV cannot read it.
        """
        path = self.place.path
        if self.place.kind == "missing" or path is None or not path.is_file():
            raise WeightsError(f"{self.described} is missing: {self.place.remedy or 'give a file that exists'}")
        if complaint := pointer(path):
            raise WeightsError(f"{path} {complaint}")
        if self.address and (fault := fault_of(self.expected.file, path)):
            raise WeightsError(f"{path} is not what {self.address} has ({fault}): remove it to have it downloaded")
        try:
            return cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
        except cv2.error as error:
            reason = _reason(error)
            raise WeightsError(f"OpenCV cannot read {path} ({reason}): is it an ONNX file, and whole?") from error

    @property
    def described(self) -> str:
        """The name with its licence and size, for messages."""
        licence = licence_of(self.weights)
        terms = f" ({licence.name}, {1000 * (licence.download_gb or 0):.3g} MB)" if licence else ""
        return f"{self.weights}{terms}"

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample, whatever was detected; None where nothing stands out.

        Raises:
            WeightsError: If the network cannot be had, or gives something else than a map, as a classifier does.
        """
        return [self.cut_out(sample.image) for sample in samples]

    def cut_out(self, image: Image) -> Subject | None:
        """What stands out in a photo, (height, width, 3) RGB; None where nothing does."""
        found = self._map(image)
        low, high = float(found.min()), float(found.max())
        if not high - low >= FLAT:  # a map of not-a-number too
            return None
        height, width = image.shape[:2]
        stretched = cv2.resize((found - low) / (high - low), (width, height), interpolation=cv2.INTER_LINEAR)
        soft = np.asarray(stretched, np.float32)
        mask = np.asarray(soft >= self.threshold)
        if self.subjects == "largest":
            mask = _largest(mask)
        box = bounding_box(mask)
        if box is None:  # a peak between the pixels of a tiny photo
            return None
        score = float(np.clip(soft[mask].mean(), 0, 1))
        reach = _EDGE * max(1.0, max(image.shape[:2]) / max(found.shape))
        return Subject(mask, Detection(box, score), score, alpha=_edged(soft, mask, self.threshold, reach))

    def _map(self, image: Image) -> Map:
        """What the network says of a photo, in the network's own size."""
        expected = self.expected
        interpolation = cv2.INTER_AREA if max(image.shape[:2]) > expected.side else cv2.INTER_LINEAR
        small = cv2.resize(image, (expected.side, expected.side), interpolation=interpolation).astype(np.float32)
        small /= max(float(small.max()), 1.0)
        pixels = (small - np.array(expected.mean, np.float32)) / np.array(expected.deviation, np.float32)
        network = self.model
        try:
            network.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
            answer = np.asarray(network.forward(network.getUnconnectedOutLayersNames()[0]), np.float32)
        except cv2.error as error:
            raise WeightsError(
                f"{self.weights} cannot be run on {expected.side} x {expected.side} pixels ({_reason(error)}): give a "
                f"network that takes (1, 3, {expected.side}, {expected.side})"
            ) from error
        side = answer.shape[-1] if answer.ndim else 1
        if side == 1 or answer.size != side**2 or answer.shape[-2] != side:  # the photo is square here, so is its map
            raise WeightsError(f"{self.weights} gives {answer.shape} in place of one square map: give another file")
        return answer.reshape(side, side)


def _largest(mask: Mask) -> Mask:
    labels, areas = components(mask)
    return np.asarray(labels == 1 + int(np.argmax(areas))) if areas else mask


def _edged(soft: Map, mask: Mask, threshold: float, reach: float) -> Alpha:
    """The map as alpha: at least 128 where the mask is, and soft no further than `reach` pixels from its outline.

    Further away the map says how sure the network is: that is no reason to see through a subject, nor to paste a ghost
    of what is beside it.
    """
    share = np.where(soft < threshold, soft / threshold, 1 + (soft - threshold) / (1 - threshold)) / 2
    share = 0.5 + _STEEPNESS * (share - 0.5)
    solid = mask.astype(np.uint8)
    inside, outside = (cv2.distanceTransform(side, cv2.DIST_L2, 5) - 0.5 for side in (solid, 1 - solid))
    least = np.where(mask, np.minimum(0.5 + inside / (2 * reach), 1), 0)
    most = np.where(mask, 1, np.maximum(0.5 - outside / (2 * reach), 0))
    levels = np.round(255 * np.clip(share, least, most)).astype(np.uint8)
    return np.asarray(np.where(mask, np.maximum(levels, 128), np.minimum(levels, 127)), np.uint8)


def _reason(error: cv2.error) -> str:
    """The last words of an error of OpenCV, which come after the place in its own source."""
    return " ".join(str(error).split()).rpartition("error: ")[2]
