"""The step that puts a sealed window where its readers are: parts first, then the redrive list, the manifest last."""

from __future__ import annotations

from tidegate.job import Budget
from tidegate.seal import Seal
from tidegate.store.objects import Objects


def parts(objects: Objects, seal: Seal, published: int, budget: Budget) -> int:
    """Put the files from number `published` on under their final names; how many are there now.

    The files are the parts and, behind them, the list of records that could not be exported, if there are any, and the
    memory of the look-back.

    At least one is published a call; it stops between two parts when the budget is spent. Publishing a part again
    gives the same bytes, because its pieces never change.
    """
    for part, media_type in seal.placed[published:]:
        objects.publish(part.key, part.pieces, media_type)
        published += 1
        if budget.spent():
            break
    return published


def manifest(objects: Objects, seal: Seal) -> None:
    """Write the manifest, to the byte as it was sealed: from now on the parts count."""
    objects.put(seal.manifest_key, seal.manifest.encode(), "application/json")
