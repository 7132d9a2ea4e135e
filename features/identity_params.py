"""What stitching accounts into customers can be told. Light to import: settings are built of this."""

from __future__ import annotations

from dataclasses import dataclass, field

from features.errors import SettingsError
from features.source_people import IDENTIFIER_KINDS

# an openid differs per app, so it never links; address and household link customers into households only
LINKING_KINDS = tuple(k for k in IDENTIFIER_KINDS if k not in ("openid", "address", "household"))
HOUSEHOLD_KINDS = ("address", "household")
KIND_CODE = {kind: code for code, kind in enumerate(IDENTIFIER_KINDS)}


@dataclass(frozen=True)
class IdentityParams:
    """How accounts are stitched. A kind without an entry in `cap` or `expiry_days` has no such limit."""

    # probability that two accounts showing one value of the kind belong to one person
    strength: dict[str, float] = field(default_factory=dict)
    cap: dict[str, int] = field(default_factory=dict)  # accounts per value; a value above it is left out whole
    expiry_days: dict[str, int] = field(default_factory=dict)  # days after its last sighting an edge is not used
    unique_kinds: tuple[str, ...] = ("member_no", "id_number")  # a person has one value of each
    weak_kinds: tuple[str, ...] = ("device", "cookie")  # kinds that several persons may share
    separating_kinds: tuple[str, ...] = ("user_id", "unionid")  # two values of one are not joined by weak kinds alone
    default_strength: float = 0.9  # of a kind that `strength` does not name
    repeat_weight: float = 0.1  # what each further sighting adds to an edge, in sightings
    repeat_limit: int = 10  # further sightings that count
    max_component: int = 50  # accounts per customer
    fuzzy: bool = False  # also link account holders by name, date of birth and postcode; needs the [er] extra
    fuzzy_threshold: float = 0.95  # least probability of a fuzzy link
    fuzzy_max_cluster: int = 3  # accounts that each side of a fuzzy link may have
    max_edges: int = 20_000_000  # edges that the driver takes
    replay_days: int = 7  # days between the cuts at which a history is replayed
    household_customers: int = 10  # customers per address or household; a value above it is left out whole
    audit_rows: int = 1000  # rows per check of the audit, largest first

    def __post_init__(self) -> None:
        """Refuses kinds that do not exist and numbers out of range; all faults at once."""
        faults = [
            f"identity.{name}: {kind!r} is no kind of identifier; kinds are {', '.join(IDENTIFIER_KINDS)}"
            for name, given in (
                ("strength", self.strength),
                ("cap", self.cap),
                ("expiry_days", self.expiry_days),
                ("unique_kinds", self.unique_kinds),
                ("weak_kinds", self.weak_kinds),
                ("separating_kinds", self.separating_kinds),
            )
            for kind in given
            if kind not in IDENTIFIER_KINDS
        ]
        odd = {k: v for k, v in {**self.strength, "default_strength": self.default_strength}.items() if not 0 < v <= 1}
        faults += [f"identity.strength: {k} is {v}, expected above 0 and up to 1" for k, v in odd.items()]
        if not 0.5 <= self.fuzzy_threshold <= 1:
            faults.append(f"identity.fuzzy_threshold is {self.fuzzy_threshold}, expected between 0.5 and 1")
        least = {
            "cap": (min(self.cap.values(), default=1), 1),
            "expiry_days": (min(self.expiry_days.values(), default=1), 1),
            "max_component": (self.max_component, 1),
            "fuzzy_max_cluster": (self.fuzzy_max_cluster, 1),
            "max_edges": (self.max_edges, 1),
            "replay_days": (self.replay_days, 1),
            "household_customers": (self.household_customers, 2),
            "audit_rows": (self.audit_rows, 1),
            "repeat_limit": (self.repeat_limit, 0),
        }
        faults += [f"identity.{k}: {v} is below {low}" for k, (v, low) in least.items() if v < low]
        if faults:
            raise SettingsError("\n".join(faults))

    def strengths(self) -> tuple[float, ...]:
        """Strength per kind code."""
        return tuple(self.strength.get(k, self.default_strength) for k in IDENTIFIER_KINDS)

    def caps(self) -> tuple[int, ...]:
        """Accounts per value, per kind code; a number that is never reached where there is no cap."""
        return tuple(self.cap.get(k, NEVER) for k in IDENTIFIER_KINDS)

    def expiries(self) -> tuple[int, ...]:
        """Days after the last sighting, per kind code; a number that is never reached where edges do not expire."""
        return tuple(self.expiry_days.get(k, NEVER) for k in IDENTIFIER_KINDS)

    def codes(self, kinds: tuple[str, ...]) -> tuple[int, ...]:
        """Codes of kinds."""
        return tuple(KIND_CODE[k] for k in kinds)


NEVER = 2**30  # more accounts, or days, than there are
