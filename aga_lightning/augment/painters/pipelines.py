"""Pipelines of diffusers: load them by the settings, and read facts about them without loading."""

import inspect
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from aga_lightning.augment.pretrained import PretrainedError, explained

Task = Literal["text-to-image", "image-to-image", "inpainting", "instruction"]
"""Tasks of a pipeline. The weights of most families serve the first three; instructions need their own weights."""

SIDE = 1024
"""Side in pixels if no file tells it: the size of SDXL, FLUX, Stable Diffusion 3 and similar models."""

_NEEDED: Mapping[Task, tuple[str, ...]] = {
    "text-to-image": ("prompt",),
    "image-to-image": ("prompt", "image", "strength"),
    "inpainting": ("prompt", "image", "mask_image"),
    "instruction": ("prompt", "image", "image_guidance_scale"),
}

DENOISERS = ("unet", "transformer")
"""Names of the model that a pipeline runs at each step."""

# A safety checker may return black images, and a watermark would distinguish augmented images from photos.
_SWITCHES: Mapping[str, object] = {
    "safety_checker": None,
    "requires_safety_checker": False,
    "add_watermarker": False,
}


def load_pipeline(
    weights: str,
    dtype: torch.dtype,
    *,
    task: Task = "text-to-image",
    revision: str | None = None,
    variant: str | None = None,
    denoiser: str | None = None,
    lora: str | None = None,
    scheduler: str | None = None,
    scheduler_settings: Mapping[str, object] | None = None,
) -> Any:  # noqa: ANN401 each family has a class of its own
    """A pipeline on the CPU, without progress bars, safety checker and watermark.

    Args:
        weights: A hub's name or a local folder; only safetensors are read.
        dtype: Number format of all its models.
        task: The task.
        revision: A commit, tag or branch of the hub's repository.
        variant: The variant of the files, if there are several.
        denoiser: Other weights for the UNet or transformer, as for `weights_file`.
        lora: LoRA weights, as for `weights_file`.
        scheduler: Class name of diffusers; None for the checkpoint's.
        scheduler_settings: Settings of the scheduler that differ from the checkpoint's.

    Raises:
        PretrainedError: If weights cannot be found, or do not fit the task or each other.
    """
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    what = f"{'a' if task == 'text-to-image' else 'an'} {task} pipeline"
    source = str(Path(weights).expanduser()) if Path(weights).expanduser().exists() else weights
    with explained(f"{what} of diffusers", weights), _whole_files(), warnings.catch_warnings():
        # diffusers passes this argument to every hub library, and newer ones warn of it.
        warnings.filterwarnings("ignore", message="The `local_dir_use_symlinks` argument")
        index = diffusers.DiffusionPipeline.load_config(source, revision=revision)
        options: dict[str, Any] = {"revision": revision, "variant": variant, "dtype": dtype, "use_safetensors": True}
        if denoiser is not None:
            options |= _load_denoiser(source, revision, index, denoiser, dtype)
        name = str(index.get("_class_name"))
        if not hasattr(diffusers, name):
            raise ValueError(f"diffusers {diffusers.__version__} has no {name}; a newer one may have it")
        known = inspect.signature(getattr(diffusers, name)).parameters
        options |= {switch: off for switch, off in _SWITCHES.items() if switch in known}
        auto = {
            "text-to-image": diffusers.AutoPipelineForText2Image,
            "image-to-image": diffusers.AutoPipelineForImage2Image,
            "inpainting": diffusers.AutoPipelineForInpainting,
        }
        try:
            pipeline = auto.get(task, diffusers.DiffusionPipeline).from_pretrained(source, **options)
        except ValueError:  # diffusers has no pipeline of this family for the task: take the saved one
            pipeline = diffusers.DiffusionPipeline.from_pretrained(source, **options)
    lacking = [name for name in _NEEDED[task] if name not in call_arguments(type(pipeline))]
    if lacking:
        raise PretrainedError(f"{weights} is a {type(pipeline).__name__}, which takes no {lacking[0]}: give {what}")
    channels, fitting = _input_channels(pipeline, task)
    if fitting and channels not in fitting:
        raise PretrainedError(
            f"the UNet of {weights} has {channels} input channels, made for another task: give {what}, whose UNet has "
            f"{' or '.join(map(str, fitting))}"
        )
    pipeline.set_progress_bar_config(disable=True)
    if hasattr(getattr(pipeline, "vae", None), "enable_slicing"):
        pipeline.vae.enable_slicing()  # decode one by one: a batch of SDXL in float32 needs more memory than the UNet
    pipeline.scheduler = make_scheduler(pipeline.scheduler, scheduler, scheduler_settings or {})
    if lora is not None:
        _add_lora(pipeline, lora)
    return pipeline


def make_scheduler(current: Any, name: str | None, settings: Mapping[str, object]) -> Any:  # noqa: ANN401 any scheduler
    """The checkpoint's scheduler, or a scheduler of another class or with other settings.

    Raises:
        PretrainedError: If there is no such class or setting.
    """
    import diffusers

    if name is None and not settings:
        return current
    kind: Any = type(current) if name is None else getattr(diffusers, name, None)
    schedules = inspect.isclass(kind) and issubclass(kind, diffusers.SchedulerMixin)
    if not schedules:
        raise PretrainedError(
            f"diffusers has no scheduler {name!r}, or lacks a package that it needs: give the name of another class, "
            "such as EulerDiscreteScheduler"
        )
    known = inspect.signature(kind).parameters
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise PretrainedError(f"{kind.__name__} has no setting {', '.join(unknown)}: it has {', '.join(known)}")
    return kind.from_config(current.config, **settings)


def weights_file(name: str) -> Path:
    """A .safetensors file: a local file, or `org/repo/file.safetensors` of a hub, downloaded or from the cache.

    Raises:
        PretrainedError: If there is no such file.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file):
        raise PretrainedError(f"{name} is no file: give one that exists, or a hub's org/repo/file.safetensors")
    from huggingface_hub import hf_hub_download

    with explained(f"a repository with the file {file}", f"{owner}/{repository}"):
        return Path(hf_hub_download(f"{owner}/{repository}", file))


def call_arguments(pipeline: type) -> Mapping[str, inspect.Parameter]:
    """The arguments of a class of pipelines."""
    return inspect.signature(pipeline.__call__).parameters


def guided(pipeline: type) -> bool:
    """Whether a class of pipelines calls its denoiser twice in each step because of `guidance_scale`.

    Pipelines without a negative prompt, or with a separate scale for it (FLUX), were distilled to need one call.
    """
    known = call_arguments(pipeline)
    return "negative_prompt" in known and "true_cfg_scale" not in known


def local_class(weights: str) -> type | None:
    """The class of the pipeline in a local folder; None for anything else."""
    import diffusers

    kind = getattr(diffusers, str(_read(weights, "model_index.json").get("_class_name")), None)
    return kind if inspect.isclass(kind) else None


def steps_taken(weights: str, steps: int, strength: float) -> int:
    """Number of denoising steps of a pipeline that starts from an image.

    Pipelines with a UNet round the share of the strength down, to at least one step; pipelines with a transformer round
    it up. A hub's name counts as a pipeline with a UNet.
    """
    if _read(weights, "transformer", "config.json"):
        return max(1, math.ceil(min(steps * strength, steps)))
    return max(1, int(steps * strength))


def own_side(weights: str) -> int:
    """Side in pixels of the images that a pipeline was trained on: latents of its denoiser x pixels of a latent.

    It is read from the files of a local folder; `SIDE` for a hub's name, even if its files are in the cache, and if the
    files do not tell it.
    """
    denoiser = _read(weights, "unet", "config.json") or _read(weights, "transformer", "config.json")
    latents = denoiser.get("sample_size")
    vae = _read(weights, "vae", "config.json")
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    if not isinstance(latents, int) or not isinstance(blocks, list):
        return SIDE
    return latents << (len(blocks) - 1)  # each block but the last halves the image


def _input_channels(pipeline: Any, task: Task) -> tuple[int, tuple[int, ...]]:  # noqa: ANN401 any pipeline
    """Input channels of a pipeline's UNet, and the numbers that fit the task; an empty tuple if that is unknown.

    All tasks of a family have the same arguments, so weights of another task would fail only in the first convolution.
    """
    channels = getattr(getattr(getattr(pipeline, "unet", None), "config", None), "in_channels", None)
    latents = getattr(getattr(getattr(pipeline, "vae", None), "config", None), "latent_channels", None)
    if channels is None or latents is None:
        return 0, ()
    fitting: Mapping[Task, tuple[int, ...]] = {
        "text-to-image": (latents,),
        "image-to-image": (latents,),
        "inpainting": (latents, 2 * latents + 1),  # the second kind also gets the known part and its mask
        "instruction": (2 * latents,),
    }
    return int(channels), fitting[task]


def _read(weights: str, *names: str) -> dict[str, object]:
    """A JSON file of a local folder; empty if there is none."""
    path = Path(weights).expanduser().joinpath(*names)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _load_denoiser(
    source: str, revision: str | None, index: Mapping[str, Any], file: str, dtype: torch.dtype
) -> dict[str, Any]:
    """The pipeline's UNet or transformer with the weights of a file, by its name in the pipeline."""
    import diffusers

    name = next((name for name in DENOISERS if index.get(name, [None, None])[1]), None)
    if name is None:
        raise PretrainedError(f"{source} has no UNet or transformer to give the weights of {file}: leave out unet")
    kind = getattr(diffusers, index[name][1])
    model = kind.from_config(kind.load_config(source, subfolder=name, revision=revision))
    with explained(f"weights of the {name} of {source}", file), _whole_files():
        model.load_state_dict(load_file(weights_file(file)))
    return {name: model.to(dtype).eval()}


def _add_lora(pipeline: Any, file: str) -> None:  # noqa: ANN401 any pipeline
    """Add LoRA weights to the models of a pipeline permanently."""
    from diffusers.utils import is_peft_available

    if not is_peft_available():
        raise PretrainedError(f"{file} cannot be added without the package peft: pip install peft")
    if not hasattr(pipeline, "load_lora_weights"):
        raise PretrainedError(f"a {type(pipeline).__name__} takes no LoRA weights: leave out lora")
    path = weights_file(file)
    with explained(f"LoRA weights of a {type(pipeline).__name__}", file), _whole_files():
        pipeline.load_lora_weights(str(path.parent), weight_name=path.name, use_safetensors=True)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()


@contextmanager
def _whole_files() -> Iterator[None]:
    """Turn safetensors' own error about a truncated file into a ValueError."""
    try:
        yield
    except SafetensorError as error:
        raise ValueError(f"a file is no safetensors file, or is cut short: {error}") from error
