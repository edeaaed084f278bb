"""What to change where many augmentations are rejected, in a clause."""

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Gate, Segmenter, parts_in
from aga_lightning.augment.detectors.embedded import CentrePrior, SaliencyBox
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.segmenters.best_mask import BestMask


def advice(augmenter: Augmenter, reason: str) -> str:
    """What would let more augmentations pass.

    Args:
        augmenter: The method.
        reason: Why most were rejected, as `kind_of_reason` has it.
    """
    gates = [part for part in parts_in(augmenter) if isinstance(part, Gate)]
    found = next(((gate, setting) for gate in gates if (setting := gate.setting_of(reason))), None)
    about_subjects = reason.startswith("no subject") or (found is not None and found[0].stage == "subject")
    network = _network(augmenter) if about_subjects else ""
    if network:
        return f"boxes of the subjects would help (--data.dataset.boxes of ImageFolder), or {network}"
    if found is None:
        return "rejected.png shows some"
    gate, setting = found
    return (
        f"where rejected.png shows that they are good, change {setting} of the gate {type(gate).__name__} in the "
        f"configuration (now {getattr(gate, setting)})"
    )


def _network(augmenter: Augmenter) -> str:
    """How to have a network find the subjects; "" where one does, and where the data set tells them."""
    detector, segmenter = (getattr(augmenter, name, None) for name in ("detector", "segmenter"))
    if isinstance(segmenter, BestMask):
        return f"the network that is missing: {segmenter.place.remedy}" if segmenter.lacking else ""
    guessed = detector is None or isinstance(detector, CentrePrior | SaliencyBox)
    if guessed and isinstance(segmenter, Segmenter) and not isinstance(segmenter, Pretrained):
        return "a network that finds them: --data.augmenter.segmenter SalientObject"
    return ""
