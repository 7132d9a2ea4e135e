"""Parameters of accounts and of the traps among their identifiers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AccountsParams:
    """Which accounts people have, from when, and the traps among their identifiers. Shares are of persons."""

    stores: int = 12  # stores of the shop
    card_share: float = 0.8  # buyers with a member card
    card_late_share: float = 0.2  # card holders who got it after they came
    card_late_days: float = 60.0  # mean days after, of those
    card_shown: float = 0.88  # chance that the card is shown at the till
    web_share: float = 0.85  # of who shops on the web: registered there
    web_late_share: float = 0.35  # of them: registered after they came
    web_late_days: float = 40.0  # mean days after, of those
    least_mode_share: float = 0.04  # least share of trips in a mode for an account there
    follower_share: float = 0.3  # of who is on Weibo and never buys: also follows on WeChat
    cookie_days: float = 150.0  # days until a browser loses its cookies
    deleter_share: float = 0.12  # persons who delete cookies often
    deleter_days: float = 30.0  # days from one deletion to the next, theirs
    login_share: float = 0.6  # cookies that log in at some time
    login_days: float = 12.0  # mean days from a cookie's first page to its log-in
    receipt_days: int = 180  # days until a payment card at the till is a new token
    phone_change: float = 0.05  # persons who change their number within the world
    link_phone_days: int = 540  # days before the end in which a phone sighting is evidence
    link_device_days: int = 330  # the same of a device or cookie
    late_available: float = 0.01  # sightings that become known only after the end
    hubs: int = 3  # store phones used to register members; one more per 20,000 persons
    hub_low: int = 40  # members per store phone, least
    hub_high: int = 250  # members per store phone, most
    tablet_share: float = 0.015  # web accounts registered on a tablet of the store
    family_device: float = 0.01  # households that share one device
    couple_mailbox: float = 0.02  # households that share one mailbox
    reissued: float = 0.006  # pairs of persons of whom one got the other's old number
    reissue_gap_days: int = 180  # days that a number rests before it is reissued
    typos: float = 0.01  # numbers and mailboxes typed wrongly
    placeholders: float = 0.01  # made-up numbers and mailboxes

    def __post_init__(self) -> None:
        """Refuses numbers out of range, all faults at once."""
        least = {"stores": 1, "receipt_days": 1, "hubs": 3, "hub_low": 30, "reissue_gap_days": 1, "link_phone_days": 1}
        least["link_device_days"] = 1
        faults = [f"{k} is {getattr(self, k)}, expected at least {v}" for k, v in least.items() if getattr(self, k) < v]
        if not self.hub_low <= self.hub_high <= 300:
            faults.append(f"hub_high is {self.hub_high}, expected between hub_low ({self.hub_low}) and 300")
        days = ("card_late_days", "web_late_days", "cookie_days", "deleter_days", "login_days")
        faults += [f"{k} is {getattr(self, k)}, expected at least 1 day" for k in days if not getattr(self, k) >= 1]
        faults += [
            f"{k} is {v}, expected a share between 0 and 1"
            for k, v in vars(self).items()
            if isinstance(v, float) and k not in days and not 0 <= v <= 1
        ]
        if faults:
            raise ValueError("; ".join(faults))
