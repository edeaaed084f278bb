"""All that a configuration may name by its bare class name, which works for classes that have been imported."""

import aga_lightning.augment.aga
import aga_lightning.augment.backgrounds.diffusion
import aga_lightning.augment.backgrounds.donors
import aga_lightning.augment.backgrounds.empty_frames
import aga_lightning.augment.backgrounds.flat
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
import aga_lightning.augment.rivals.alia
import aga_lightning.augment.rivals.beyond_generation
import aga_lightning.augment.rivals.controls
import aga_lightning.augment.rivals.da_fusion
import aga_lightning.augment.rivals.image_to_image
import aga_lightning.augment.rivals.inpainting
import aga_lightning.augment.rivals.text_to_image
import aga_lightning.augment.segmenters.sam
import aga_lightning.augment.segmenters.segment_anything_checkpoint
import aga_lightning.callbacks.attribution_panels
import aga_lightning.callbacks.augmentation_gallery
import aga_lightning.callbacks.background_reliance
import aga_lightning.callbacks.faithfulness
import aga_lightning.callbacks.prediction_writer
import aga_lightning.data.cub
import aga_lightning.data.fieldguide
import aga_lightning.data.folder
import aga_lightning.data.imagenet
import aga_lightning.data.iwildcam  # noqa: F401 they are imported for their names
