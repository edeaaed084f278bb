"""All that a configuration may name by its bare class name, which works for classes that have been imported."""

import aga_lightning.augment.captioners.language_model
import aga_lightning.augment.detectors.closed_set
import aga_lightning.augment.detectors.groundingdino_checkpoint
import aga_lightning.augment.detectors.zero_shot
import aga_lightning.augment.editors.diffusion
import aga_lightning.augment.gates.class_free
import aga_lightning.augment.gates.clip
import aga_lightning.augment.gates.confidence
import aga_lightning.augment.gates.near_duplicate
import aga_lightning.augment.gates.subject_leak
import aga_lightning.augment.image_captioners.captioning_model
import aga_lightning.augment.methods.aga
import aga_lightning.augment.methods.alia
import aga_lightning.augment.methods.beyond_generation
import aga_lightning.augment.methods.controls
import aga_lightning.augment.methods.da_fusion
import aga_lightning.augment.methods.image_to_image
import aga_lightning.augment.methods.inpainting
import aga_lightning.augment.methods.text_to_image
import aga_lightning.augment.painters.diffusion
import aga_lightning.augment.painters.donors
import aga_lightning.augment.painters.empty_frames
import aga_lightning.augment.painters.flat
import aga_lightning.augment.segmenters.sam
import aga_lightning.augment.segmenters.segment_anything_checkpoint
import aga_lightning.callbacks.attribution_panels
import aga_lightning.callbacks.augmentation_gallery
import aga_lightning.callbacks.background_reliance
import aga_lightning.callbacks.faithfulness
import aga_lightning.callbacks.prediction_writer
import aga_lightning.datasets.cub
import aga_lightning.datasets.fieldguide
import aga_lightning.datasets.folder
import aga_lightning.datasets.imagenet
import aga_lightning.datasets.iwildcam  # noqa: F401 they are imported for their names
