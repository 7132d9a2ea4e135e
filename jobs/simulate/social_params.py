"""Parameters of social networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SocialParams:
    """What is posted and done on social networks. Shares are of posts unless it says otherwise."""

    trap_share: float = 0.06  # posts that only look like a life event or an interest
    loss_share: float = 0.002  # posts about an event that is over or was called off
    interest_share: float = 0.2  # posts about something the author truly likes or wants
    brand_share: float = 0.05  # posts about the shop or its rivals
    event_tellers: float = 0.65  # authors with a life event who write about it
    event_posts: float = 2.5  # mean posts about one life event, of those
    crawl_hours: float = 10.0  # mean hours until a post is crawled
    late_crawl_share: float = 0.03  # posts found only weeks later
    tag_noise: float = 0.35  # share of tags by the network that are wrong
    tags: float = 3.0  # mean tags of an author
    acts_per_year: float = 6.0  # mean likes, comments, shares and mentions of the brand's posts a year, per follower
    wordings: Literal["all", "development"] = "all"  # development leaves out wordings held back for the last test

    def __post_init__(self) -> None:
        """Refuses numbers out of range, all faults at once."""
        ranges = {"event_posts": (1, 20), "crawl_hours": (0.1, 240), "tags": (0, 20), "acts_per_year": (0, 365)}
        faults = [
            f"{k} is {v}, expected between {ranges.get(k, (0, 1))[0]} and {ranges.get(k, (0, 1))[1]}"
            for k, v in vars(self).items()
            if k != "wordings" and not ranges.get(k, (0, 1))[0] <= v <= ranges.get(k, (0, 1))[1]
        ]
        shares = self.trap_share + self.loss_share + self.interest_share + self.brand_share
        if shares > 1:
            faults.append(f"trap_share, loss_share, interest_share and brand_share are {shares:g} together, above 1")
        if faults:
            raise ValueError("; ".join(faults))
