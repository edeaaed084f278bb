"""Steps 2 and 3a of AGA: a background in words, then in pixels, for several requests at once and remembered."""

from collections.abc import Sequence
from pathlib import Path

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import BackgroundGenerator, Caption, Captioner, Prompt, Request, Scene
from aga_lightning.augment.engine.bank import BackgroundBank
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.images.codec import decode_rgb, encode_jpeg
from aga_lightning.images.pixels import Image
from aga_lightning.images.samples import working_size
from aga_lightning.images.seeds import seed_from

UNSHRUNK = 1024  # side of a bank's backgrounds where images keep their own size


class Scenery:
    """Prompt engine, captioner and painter with what they have already made.

    Args:
        prompts: Step 2a.
        captioner: Step 2b.
        painter: Step 3a.
        captions_per_combination: Captions written for each combination of instruction, setting and time, and shared by
            all backgrounds; null writes one for each background (the paper).
        bank: How many backgrounds there are; null paints one for each augmentation (the paper).
        max_side: Longer side of the images in pixels; null for their own.
    """

    def __init__(
        self,
        prompts: PromptEngine,
        captioner: Captioner,
        painter: BackgroundGenerator,
        captions_per_combination: int | None,
        bank: BackgroundBank | None,
        max_side: int | None,
    ) -> None:
        self.prompts = prompts
        self.captioner = captioner
        self.painter = painter
        self.captions_per_combination = captions_per_combination
        self.bank = bank
        self.max_side = max_side
        self.avoid: tuple[str, ...] = ()
        self.borrowed = ""
        self._captioner_key = fingerprint(captioner)
        self._painter_key = fingerprint(painter)
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._avoid_keys: dict[tuple[str, ...], str] = {}

    def prompt(self, request: Request, cache: StageCache) -> Prompt:
        """Step 2a: what the captioner is asked for a request."""
        return self.prompts.prompt(seed_from(self._theme(request, cache), "prompt"), self.avoid)

    def caption_key(self, request: Request, cache: StageCache) -> str:
        """Under which key the caption of a request is kept."""
        return self._caption_key(self.prompt(request, cache), self._caption_seed(request, cache))

    def captions(self, requests: Sequence[Request], cache: StageCache) -> list[Caption]:
        """Step 2b: a background in words for each request."""
        prompts = [self.prompt(request, cache) for request in requests]
        seeds = [self._caption_seed(request, cache) for request in requests]
        keys = [self._caption_key(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

        def make(missing: list[int]) -> list[Finished]:
            written = self.captioner.caption([prompts[i] for i in missing], [seeds[i] for i in missing])
            return [(self._facts(caption, seeds[i]), None) for i, caption in zip(missing, written, strict=True)]

        found = cache.recall("captions", keys, make)
        return [
            Caption(str(facts["caption"]), prompt, int(str(facts["tries"])), bool(facts["fallback"]))
            for (facts, _), prompt in zip(found, prompts, strict=True)
        ]

    def scenes(self, requests: Sequence[Request], cache: StageCache, attempt: int = 0) -> list[Scene]:
        """What to paint for each request; another attempt differs in its seed only."""
        captions = self.captions(requests, cache)
        return [
            self._scene(request, caption, attempt, cache) for request, caption in zip(requests, captions, strict=True)
        ]

    def background_key(self, scene: Scene) -> str:
        """Under which key the background of a scene is kept."""
        prompt = scene.caption.prompt
        return fingerprint(
            "background",
            self._painter_key,
            scene.caption.text,
            prompt.spatial,
            prompt.temporal,
            scene.size,
            scene.seed,
            scene.source if self.painter.borrows else "",
            self.borrowed,
        )

    def paint(self, scenes: Sequence[Scene], cache: StageCache) -> list[Image]:
        """Step 3a: each background, as it is kept."""
        keys = [self.background_key(scene) for scene in scenes]

        def make(missing: list[int]) -> list[Finished]:
            chosen = [scenes[index] for index in missing]
            painted = self.painter.paint(chosen)
            return [
                ({"painter": type(self.painter).__name__, "caption": scene.caption.text}, encode_jpeg(picture))
                for scene, picture in zip(chosen, painted, strict=True)
            ]

        return [decode_rgb(data or b"") for _, data in cache.recall("backgrounds", keys, make)]

    def kept(self, request: Request, cache: StageCache, attempts: int) -> tuple[Caption | None, Image | None]:
        """A request's caption, and the last of its backgrounds, where they are kept already; nothing is made."""
        if cache.facts("captions", self.caption_key(request, cache)) is None:
            return None, None
        scenes = [self.scenes([request], cache, attempt)[0] for attempt in range(attempts)]
        for scene in reversed(scenes):
            found = cache.load("backgrounds", self.background_key(scene))
            if found is not None and found[1] is not None:
                return scene.caption, decode_rgb(found[1])
        return scenes[0].caption, None

    def _theme(self, request: Request, cache: StageCache) -> int:
        """The seed of all that is random about a request's background; a bank gives one to many requests."""
        digest = cache.digest(request.record.path)
        if self.bank is None:
            return seed_from(request.seed, digest, request.variant)
        number = self.bank.background(request.record.class_name, digest, request.variant)
        return seed_from(request.seed, "bank", number)

    def _caption_seed(self, request: Request, cache: StageCache) -> int:
        theme = self._theme(request, cache)
        if self.captions_per_combination is None:
            return seed_from(theme, "caption")
        return seed_from(request.seed, "caption", seed_from(theme, "caption") % self.captions_per_combination)

    def _caption_key(self, prompt: Prompt, seed: int) -> str:
        if prompt.avoid not in self._avoid_keys:  # hundreds of words, the same for all prompts
            self._avoid_keys[prompt.avoid] = fingerprint(prompt.avoid)
        avoid = self._avoid_keys[prompt.avoid]
        return fingerprint(
            "caption", self._captioner_key, prompt.instruction, prompt.spatial, prompt.temporal, avoid, seed
        )

    def _scene(self, request: Request, caption: Caption, attempt: int, cache: StageCache) -> Scene:
        theme = self._theme(request, cache)
        seed = seed_from(theme, "background") if attempt == 0 else seed_from(theme, "background", attempt)
        # Of a bank's background nobody can say who will stand in front of it.
        source = cache.digest(request.record.path) if self.bank is None else ""
        return Scene(caption, self._canvas(request), seed, source)

    def _canvas(self, request: Request) -> tuple[int, int]:
        if self.bank is not None:
            side = self.max_side or UNSHRUNK
            return self.painter.canvas((side, side))
        path = request.record.path
        if path not in self._sizes:
            self._sizes[path] = working_size(path, self.max_side)
        return self.painter.canvas(self._sizes[path])

    def _facts(self, caption: Caption, seed: int) -> dict[str, object]:
        return {
            "caption": caption.text,
            "instruction": caption.prompt.instruction,
            "spatial": caption.prompt.spatial,
            "temporal": caption.prompt.temporal,
            "captioner": type(self.captioner).__name__,
            "seed": seed,
            "tries": caption.tries,
            "fallback": caption.fallback,
        }
