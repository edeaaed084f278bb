"""The default training loop of torchvision's references/classification/train.py, written plainly."""

import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, RandomSampler
from torchvision import datasets, transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PRINT_EVERY = 10


class Options(NamedTuple):
    """The arguments of the script that matter here.

    Args:
        data: A folder of class folders.
        model: A classifier of torchvision.
        crop: Side of the square that the network sees, in pixels.
        batch_size: Images a step.
        samples: Images an epoch.
        workers: Loader processes.
        device: The device to train on.
        precision: "32-true" or "bf16-mixed"; the script itself knows float16.
        memory_format: Memory layout of tensors; the script itself does not change it.
        output: Folder for two checkpoints in each epoch; None for no checkpoints.
    """

    data: Path
    model: str
    crop: int
    batch_size: int
    samples: int
    workers: int
    device: torch.device
    precision: str
    memory_format: torch.memory_format
    output: Path | None


class Meter:
    """The last values of a quantity, and its mean over all."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=20)
        self.total, self.count = 0.0, 0

    def update(self, value: float, count: int = 1) -> None:
        """Add the mean of `count` values."""
        self.recent.append(value)
        self.total += value * count
        self.count += count

    def __str__(self) -> str:
        return f"{np.median(self.recent):.4f} ({self.total / self.count:.4f})"


def train(options: Options, go_on: Callable[[int], bool]) -> None:
    """Train until told to stop.

    Args:
        options: The options.
        go_on: Called after each step with its number of images; false ends the training.
    """
    device, layout = options.device, options.memory_format
    on_gpu = device.type == "cuda"
    torch.backends.cudnn.benchmark = True
    loader, classes = load(options)
    network = torchvision.models.get_model(options.model, weights=None, num_classes=classes)
    network.to(device, memory_format=layout)
    criterion = nn.CrossEntropyLoss()
    optimizer = SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    for epoch in itertools.count():
        network.train()
        meters: dict[str, Meter] = defaultdict(Meter)
        before = time.perf_counter()
        for step, (images, labels) in enumerate(loader):
            loaded = time.perf_counter()
            images = images.to(device, memory_format=layout, non_blocking=on_gpu)
            labels = labels.to(device, non_blocking=on_gpu)
            with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16-mixed"):
                logits = network(images)
                loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            top1, top5 = accuracies(logits, labels)
            meters["loss"].update(loss.item())
            meters["lr"].update(optimizer.param_groups[0]["lr"])
            meters["acc1"].update(top1.item(), len(labels))
            meters["acc5"].update(top5.item(), len(labels))
            now = time.perf_counter()
            meters["img/s"].update(len(labels) / (now - loaded))
            meters["data"].update(loaded - before)
            meters["time"].update(now - before)
            before = now
            if step % PRINT_EVERY == 0:
                print(f"[{epoch}] {step}/{len(loader)} ", *(f"{name}: {meter}" for name, meter in meters.items()))
            if not go_on(len(labels)):
                return
        scheduler.step()
        if options.output is not None:
            state = {"model": network.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"lr_scheduler": scheduler.state_dict(), "epoch": epoch}
            for name in (f"model_{epoch}.pth", "checkpoint.pth"):
                torch.save(state, options.output / name)


def load(options: Options) -> tuple[DataLoader[tuple[Tensor, Tensor]], int]:
    """Random crops and flips of PIL images, shuffled, and the number of classes; processes start anew each epoch."""
    steps = [
        transforms.RandomResizedCrop(options.crop),
        transforms.RandomHorizontalFlip(),
        transforms.PILToTensor(),
        transforms.ConvertImageDtype(torch.float32),
        transforms.Normalize(MEAN, STD),
    ]
    dataset = datasets.ImageFolder(options.data, transforms.Compose(steps))
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        dataset,
        batch_size=options.batch_size,
        sampler=RandomSampler(dataset, num_samples=min(options.samples, len(dataset))),
        num_workers=options.workers,
        pin_memory=options.device.type == "cuda",  # the script's is always true, which warns without a GPU
    )
    return loader, len(dataset.classes)


@torch.no_grad()
def accuracies(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Top-1 and top-5 accuracy in percent."""
    guesses = logits.topk(min(5, logits.shape[1])).indices
    right = (guesses == labels[:, None]).float()
    return right[:, 0].mean() * 100, right.sum(dim=1).mean() * 100
