"""The public names of this room; each is loaded when it is first used."""

from .augmenter import Augmenter as Augmenter
from .base import (
    Augmented as Augmented,
    BackgroundGenerator as BackgroundGenerator,
    Caption as Caption,
    Captioner as Captioner,
    Detection as Detection,
    Detector as Detector,
    Draft as Draft,
    Edit as Edit,
    Gate as Gate,
    ImageCaptioner as ImageCaptioner,
    ImageEditor as ImageEditor,
    Part as Part,
    Prompt as Prompt,
    Rejected as Rejected,
    Request as Request,
    Scene as Scene,
    Segmenter as Segmenter,
    Subject as Subject,
)
from .captioners.language_model import LanguageModel as LanguageModel, Llama2GPTQ as Llama2GPTQ
from .captioners.template import TemplateCaptioner as TemplateCaptioner
from .compositing import Merging as Merging
from .detectors.closed_set import TorchvisionDetector as TorchvisionDetector
from .detectors.embedded import CentrePrior as CentrePrior, DatasetBoxes as DatasetBoxes, SaliencyBox as SaliencyBox
from .detectors.groundingdino_checkpoint import GroundingDINOCheckpoint as GroundingDINOCheckpoint
from .detectors.zero_shot import GroundingDINO as GroundingDINO, ZeroShotDetector as ZeroShotDetector
from .editors.diffusion import DiffusionEditor as DiffusionEditor
from .engine.accepting import Accept as Accept, FirstAccepted as FirstAccepted
from .engine.isolation import Boxes as Boxes, Photo as Photo, Subjects as Subjects
from .engine.method import Method as Method
from .engine.scenery import Backgrounds as Backgrounds, Captions as Captions, Merge as Merge
from .engine.step import Rejection as Rejection, Step as Step
from .engine.store import Store as Store
from .gates.class_free import ClassFreeBackground as ClassFreeBackground
from .gates.clip import ClipFilter as ClipFilter
from .gates.confidence import ConfidenceRule as ConfidenceRule
from .gates.embedded import (
    AvoidedWords as AvoidedWords,
    BlankBackground as BlankBackground,
    MaskSanity as MaskSanity,
    SaliencyAgreement as SaliencyAgreement,
)
from .gates.near_duplicate import CopiedBackground as CopiedBackground, NearDuplicate as NearDuplicate
from .gates.subject_leak import SubjectLeak as SubjectLeak
from .image_captioners.captioning_model import CaptioningModel as CaptioningModel
from .methods.aga import AGA as AGA
from .methods.alia import ALIA as ALIA
from .methods.beyond_generation import BeyondGeneration as BeyondGeneration, CutAndPaste as CutAndPaste
from .methods.controls import (
    BackgroundSwap as BackgroundSwap,
    BlurredBackground as BlurredBackground,
    MeanColourBackground as MeanColourBackground,
    OwnBackground as OwnBackground,
)
from .methods.da_fusion import DAFusion as DAFusion
from .methods.image_to_image import ImageToImage as ImageToImage
from .methods.inpainting import Inpainting as Inpainting
from .methods.text_to_image import TextToImage as TextToImage
from .painters.class_donors import ClassDonors as ClassDonors
from .painters.diffusion import DiffusionPainter as DiffusionPainter
from .painters.donors import DonorPhotos as DonorPhotos
from .painters.empty_frames import EmptyFrames as EmptyFrames
from .painters.flat import FlatColour as FlatColour
from .painters.folder_photos import FolderPhotos as FolderPhotos
from .painters.mean_colour import MeanColour as MeanColour
from .painters.own_photo import OwnPhoto as OwnPhoto
from .painters.procedural import ProceduralScenes as ProceduralScenes
from .photo import AugmentedPhoto as AugmentedPhoto
from .prompts import PromptEngine as PromptEngine
from .segmenters.best_mask import BestMask as BestMask
from .segmenters.embedded import DatasetMasks as DatasetMasks, GrabCut as GrabCut
from .segmenters.salient_object import SalientObject as SalientObject
from .segmenters.sam import SAM as SAM
from .segmenters.segment_anything_checkpoint import SegmentAnything as SegmentAnything
