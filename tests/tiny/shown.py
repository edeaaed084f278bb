"""What a method asks of a picture, looked up step by step."""

from aga_lightning.augment.engine.runner import Runner
from aga_lightning.images.seeds import seed_from


def shown(method, request, store):
    """The caption: what the picture of a request shows."""
    (step,) = (step for step in method.all_steps if step.fills == "caption")
    return Runner(store).value(step, request)


def seed_of(request, store):
    """The seed of the picture of a request."""
    return seed_from(request.seed, store.digest(request.record.path), request.variant, "picture")
