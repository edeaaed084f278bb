"""Stand-ins without weights for the two models that ALIA finds its domains with."""

from aga_lightning.augment.base import ImageCaptioner
from aga_lightning.augment.captioners.language_model import LanguageModel

ANSWER = "- a photo of a fruit on a plate\n- a photo of a fruit in the snow"
DOMAINS = ["a photo of a {class} on a plate", "a photo of a {class} in the snow"]


class Namer(ImageCaptioner):
    """Says how bright a photo is; notes the photos."""

    def __init__(self, word="level"):
        self.word = word
        self._seen = []

    def describe(self, images):
        """A line with two spaces in it, which no two photos share."""
        levels = [round(float(image.mean()), 2) for image in images]
        self._seen += levels
        return [f"a disc of {self.word}  {level}" for level in levels]


class Sayer(LanguageModel):
    """Gives one answer after the other, and notes the questions and seeds; a question has room for so many captions."""

    def __init__(self, said=(ANSWER,), room=1000, temperature=1.0, tries=3):
        super().__init__(weights="none", temperature=temperature, tries=tries)
        self.said = list(said)
        self.room = room
        self._asked = []

    def load(self):
        """Nothing."""
        return self

    def fits(self, question):
        """By the number of captions."""
        return len(self.captions(question)) <= self.room

    def reply(self, question, seed):
        """The next answer; the last one again and again."""
        self._asked.append((question, seed))
        return self.said[min(len(self._asked), len(self.said)) - 1]

    @staticmethod
    def captions(question):
        """Those that a question holds."""
        return question.partition("The captions:\n")[2].splitlines()
