"""Four augmentations of one photo, shown and kept: `python examples/augment_photo.py photo.jpg bird`."""

import sys

from aga_lightning import AGA

photo, superclass = sys.argv[1:]
for number, made in enumerate(AGA().augment_image(photo, superclass, n=4)):
    print(made)  # a notebook shows the picture
    if made.rejected is None:
        made.save(f"augmented-{number}.png")
