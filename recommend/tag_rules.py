"""How long a tag counts, what ends it and what it leads to; plain data, made above from the lexicon."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TagRule:
    """What the recommender needs to know of one tag.

    The confidence halves every `half_life_days`; an entry older than `expiry_days` counts no more. `proposes`: may
    lead to products. `categories` are where it is thought to lead while too few customers had it to tell. `forbidden`
    are categories never shown while it counts. `never_named`: no text may show that it is known. `closed_by`: tags
    that end it, as (tag, days): an entry counts no more once the other tag came later, or at most so many days before.
    """

    half_life_days: float = 30.0
    expiry_days: int = 180
    proposes: bool = True
    categories: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    never_named: bool = False
    closed_by: tuple[tuple[str, int], ...] = ()


KNOWN = "known"  # the tag of everybody from the day on which she was a customer
# attributes of a customer (`region:east`): they hold, and what they are worth is for `segment_popular`
ATTRIBUTE = TagRule(half_life_days=36_500.0, expiry_days=36_500, proposes=False)
