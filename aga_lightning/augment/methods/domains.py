"""What ALIA learns from the training images: a description of each, and of all of them together a few domains."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from aga_lightning.augment.augmenter import Finished
from aga_lightning.augment.base import Caption, ImageCaptioner, Prompt, Request, SubjectSource
from aga_lightning.augment.captioners.answers import shortened
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.engine.isolation import Photo
from aga_lightning.augment.engine.step import Digest, Gathered, Rejection, Step
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.domain_texts import domains_in, form, question, thing
from aga_lightning.augment.methods.texts import filled, names_of
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from


class BarePhoto(Photo):
    """A training image whatever its class, without the data set's own mask: no description is worse without it."""

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """The file, and the size."""
        return [digest(request.record.path), self.max_side]

    def read(self, record: ImageRecord, digest: Digest) -> Sample:
        """The image of a record."""
        return super().read(replace(record, mask_path=None), digest)


class Descriptions(Step[str]):
    """What a training image shows, in words.

    Args:
        captioner: Says it.
        max_side: Longer side of the images in pixels; None for their own.
    """

    name = "descriptions"
    of_record = True

    def __init__(self, captioner: ImageCaptioner, max_side: int | None) -> None:
        super().__init__(BarePhoto(max_side), parts=[captioner])
        self.captioner = captioner

    def make(self, plans: Sequence[None], *inputs: Sequence[Sample]) -> list[str]:
        """Describe."""
        return self.captioner.describe([sample.image for sample in inputs[0]])

    def encode(self, made: str, plan: None, *inputs: object) -> Finished:
        """The words."""
        return {"description": made, "captioner": type(self.captioner).__name__}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: None) -> str:
        """The words."""
        return str(facts["description"])


class TrainingSet(Gathered):
    """The descriptions of training images, whichever of them are to be augmented; of each file once.

    Args:
        descriptions: Describes an image.
        count: How many images are described, drawn at random; None for all.
    """

    def __init__(self, descriptions: Descriptions, count: int | None) -> None:
        super().__init__(descriptions)
        descriptions.decides = True  # in batches, and not one by one where all are needed
        self.count = count
        self._records: dict[str, ImageRecord] = {}

    def prepare(self, training: SubjectSource) -> None:
        """Take the images, those without a subject among them."""
        super().prepare(training)
        self._records = dict(zip(training.digests, training.records, strict=True))

    def group(self, request: Request) -> int:
        """The seed of the run, by which they are drawn."""
        return request.seed

    def requests(self, request: Request, digest: Digest) -> list[Request]:
        """One for each image that is described."""
        drawn = sorted(self._records, key=lambda image: seed_from(request.seed, image, "described"))[: self.count]
        return [Request(self._records[image], 0, request.seed) for image in sorted(drawn)]


class Domains(Step[list[str]]):
    """A few settings that a language model summarises the descriptions into, once for each seed of a run.

    Args:
        summariser: The language model.
        descriptions: What it summarises.
        prefix: What each domain begins with; places for {class} and {superclass}.
        count: How many domains there are at most.
        shown: How many different descriptions it is shown, drawn at random; None for all.
    """

    name = "domains"
    loads = False

    def __init__(
        self, summariser: LanguageModel, descriptions: TrainingSet, prefix: str, count: int, shown: int | None
    ) -> None:
        super().__init__(descriptions, parts=[summariser])
        self.summariser = summariser
        self.captioner = type(descriptions.each.parts[0]).__name__
        self.prefix = prefix
        self.count = count
        self.shown = shown
        self.decides = True  # once, and not in each thread that wants them
        self._begin = self._kind = ""

    def prepare(self, training: SubjectSource) -> None:
        """Learn what to call the subjects."""
        super().prepare(training)
        kinds = {record.superclass for record in training.records if record.has_subject}
        self._begin, self._kind = form(self.prefix, kinds), thing(kinds)
        self.learned = {"studied": fingerprint(sorted(set(training.digests)), self._begin)}

    def settings(self) -> list[Any]:
        """The form of a domain, and the numbers."""
        return [self.prefix, self._begin, self.count, self.shown]

    def plan(self, request: Request, digest: Digest) -> int:
        """The seed of the run."""
        return request.seed

    def make(self, plans: Sequence[int], *inputs: Sequence[Any]) -> list[list[str]]:
        """Summarise.

        Raises:
            PretrainedError: If no image could be described, or no answer of the summariser can be used.
        """
        return [self._found(seed, descriptions) for seed, descriptions in zip(plans, inputs[0], strict=True)]

    def encode(self, made: list[str], plan: int, *inputs: Any) -> Finished:  # noqa: ANN401 as in `Step`
        """The domains, and how many images were described."""
        described = sum(not isinstance(text, Rejection) for text in inputs[0])
        return {"domains": made, "described": described, "summariser": type(self.summariser).__name__}, None

    def decode(self, facts: Mapping[str, object], data: bytes | None, plan: int) -> list[str]:
        """The domains."""
        return [str(text) for text in cast("list[object]", facts["domains"])]

    def _found(self, seed: int, descriptions: Sequence[str | Rejection]) -> list[str]:
        lines = [" ".join(text.split()) for text in descriptions if isinstance(text, str)]
        captions = {shortened(line) for line in lines if line}  # one a line that a question has room for
        if not captions:
            raise PretrainedError(
                f"{self.captioner} described none of {len(descriptions)} training images, so there is nothing to "
                "summarise: give another image_captioner, or name the domains"
            )
        # An order that neither records nor keys decide.
        return self._summarised(sorted(captions, key=lambda text: seed_from(seed, text, "shown"))[: self.shown], seed)

    def _summarised(self, captions: list[str], seed: int) -> list[str]:
        """The domains of captions; of more than the model can read at once, those of the domains of their parts."""
        parts = self._parts(captions)
        domains = [
            domain
            for number, part in enumerate(parts)
            for domain in self._answered(part, seed_from(seed, len(captions), number, "domains"))
        ]
        if len(parts) == 1:
            return domains
        merged = list(dict.fromkeys(domains))
        if len(merged) >= len(captions):  # it does not get fewer, and never would
            return merged[: self.count]
        return self._summarised([self._begin + domain.removeprefix(self.prefix) for domain in merged], seed)

    def _parts(self, captions: list[str]) -> list[list[str]]:
        """Captions in parts that the model can read."""
        if len(captions) < 2 or self.summariser.fits(question(captions, self._begin, self.count)):
            return [captions]
        half = len(captions) // 2
        return [*self._parts(captions[:half]), *self._parts(captions[half:])]

    def _answered(self, captions: Sequence[str], seed: int) -> list[str]:
        model = self.summariser
        tries = model.tries if model.temperature > 0 else 1
        asked = question(captions, self._begin, self.count)
        for number in range(1, tries + 1):
            answer = model.reply(asked, seed_from(seed, number))
            if domains := domains_in(answer, self.prefix, self._begin, self._kind, self.count):
                return domains
        said = " ".join(answer.split())[:80]
        raise PretrainedError(
            f"{type(model).__name__} ({model.weights}) found no domains in {len(captions)} captions; the last of its "
            f"{tries} answers begins {said!r}: give another summariser or more tries, or name the domains yourself"
        )


class GivenDomains(Step[list[str]]):
    """Domains that need not be found.

    Args:
        texts: Which they are.
    """

    loads = False

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = list(texts)

    def settings(self) -> list[str]:
        """The texts."""
        return self.texts

    def make(self, plans: Sequence[Any], *inputs: Sequence[Any]) -> list[list[str]]:
        """The same for all."""
        return [self.texts] * len(plans)


class DomainTexts(Step[Caption]):
    """The class in one of the domains; the variants of an image go through all of them in an order of its own.

    Args:
        domains: The domains.
    """

    fills = "caption"
    loads = False

    def __init__(self, domains: Step[list[str]]) -> None:
        super().__init__(domains)

    def plan(self, request: Request, digest: Digest) -> list[Any]:
        """Class and superclass, the seed of the order, and the place in it."""
        seed = seed_from(request.seed, digest(request.record.path), "domains")
        return [names_of(request.record), seed, request.variant]

    def make(self, plans: Sequence[Any], *inputs: Sequence[list[str]]) -> list[Caption]:
        """Choose, and fill in."""
        return [self._filled(domains, *plan) for plan, domains in zip(plans, inputs[0], strict=True)]

    def _filled(self, domains: list[str], names: Mapping[str, str], seed: int, variant: int) -> Caption:
        number = np.random.default_rng(seed).permutation(len(domains))[variant % len(domains)]
        return Caption(filled(domains[number], names), Prompt(domains[number], "", ""))
