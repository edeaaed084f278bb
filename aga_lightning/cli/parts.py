"""All classes that a configuration may name without their module: those that have been imported."""

from aga_lightning import augment, callbacks, datasets

for _room in (augment, callbacks, datasets):
    for _name in _room.__all__:
        getattr(_room, _name)
