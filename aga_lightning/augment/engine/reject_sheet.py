"""What the gates have rejected and why, as a picture: source with the subject's outline, background, reason."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aga_lightning.augment.base import Draft, Request
from aga_lightning.augment.card import kind_of_reason
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.images.drawing import blank_figure, outline, png, show, write
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.images.samples import Sample

_ACROSS = 2  # rejects side by side


def rejects_png(collection: Collection, rows: int = 12) -> bytes | None:
    """The sheet as a PNG file, for `Collection.finish`; None where nothing is rejected.

    Args:
        collection: What to show.
        rows: Rejects to show, at most.
    """
    figure = draw_rejects(collection, rows)
    return None if figure is None else png(figure, bbox_inches="tight")


def draw_rejects(collection: Collection, rows: int = 12) -> Figure | None:
    """A figure of rejects, spread over the reasons and over the images.

    Everything on it is looked up: nothing is made for it, and no weights are loaded.

    Args:
        collection: What to show.
        rows: Rejects to show, at most.

    Returns:
        The figure; None where nothing is rejected.
    """
    found = collection.find_all()
    reasons = {request: outcome.reason for request, outcome in found.items() if outcome.reason is not None}
    kinds: dict[str, list[Request]] = defaultdict(list)
    for request, reason in reasons.items():
        kinds[kind_of_reason(reason)].append(request)
    chosen = spread(sorted(kinds.values(), key=len, reverse=True), rows)
    if not chosen:
        return None
    drafts = [kept(collection, request) for request in chosen]
    backgrounds = any(draft is not None and draft.background is not None for draft in drafts)
    widths = [1.0, 1.0, 1.5] if backgrounds else [1.0, 1.5]
    across = min(_ACROSS, len(chosen))
    down = -(-len(chosen) // across)
    height = 1.5 * down + 0.3
    figure = blank_figure(1.7 * sum(widths) * across, height)
    axes = figure.subplots(down, len(widths) * across, squeeze=False, width_ratios=widths * across)
    cells = [row[start : start + len(widths)] for row in axes for start in range(0, len(row), len(widths))]
    for cell, request, draft in zip_longest(cells, chosen, drafts):
        if request is None:
            for axis in cell:
                axis.set_axis_off()
        else:
            reason = reasons[request]
            _draw(cell, request, draft, reason, len(kinds[kind_of_reason(reason)]))
    title = f"{len(reasons)} of {len(found)} rejected, {len(chosen)} shown"
    figure.suptitle(title, x=0.01, y=1 - 0.05 / height, ha="left", fontsize=9)
    figure.tight_layout(pad=0.6, rect=(0, 0, 1, 1 - 0.2 / height))
    return figure


def spread(groups: Sequence[Sequence[Request]], count: int) -> list[Request]:
    """Take requests from all groups in turn, from each evenly over its images and one an image.

    Args:
        groups: The requests of a reason each.
        count: How many to take, at most.

    Returns:
        Those taken, group by group.
    """
    images = [list({request.record.path: request for request in reversed(group)}.values())[::-1] for group in groups]
    turns = sorted((turn, index) for index, group in enumerate(images) for turn in range(len(group)))
    quotas = Counter(index for _, index in turns[:count])
    places = [np.linspace(0, len(group) - 1, quotas[index]) for index, group in enumerate(images)]
    return [group[round(place)] for group, chosen in zip(images, places, strict=True) for place in chosen]


def kept(collection: Collection, request: Request) -> Draft | None:
    """What there is to show of a request, at least its image; None where that cannot be read.

    Args:
        collection: Where it is looked up; nothing is made.
        request: One of its requests.
    """
    try:
        draft = collection.augmenter.kept(request, collection.store)
        return draft or Draft(Sample(np.asarray(read_image(request.record.path)), request.record, digest=""))
    except ImageReadError:
        return None


def _draw(cell: Sequence[Axes], request: Request, draft: Draft | None, reason: str, count: int) -> None:
    for axis in cell:
        axis.set_axis_off()
    if draft is not None:
        show(cell[0], draft.sample.image)
        if draft.subject is not None:
            outline(cell[0], draft.subject.mask)
        if draft.background is not None:
            show(cell[1], draft.background)
    name = request.record.path.name
    head = f"{request.record.class_name}, variant {request.variant}: "
    room = max(12, 40 - len(head))
    short = name if len(name) <= room else f"...{name[3 - room :]}"
    words = [
        (head + short, "black", 1),
        (reason.replace(str(request.record.path), name), "firebrick", 5),
        (f"{count} rejected for this reason", "grey", 1),
    ]
    if draft is not None and draft.caption is not None:
        words.append((draft.caption.text, "black", 3))
    write(cell[-1], words)
