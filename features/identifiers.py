"""Identifiers of people: how each kind is written, which values are worthless, and their keyed hash.

Plain functions on values; no engine. A phone number, a mailbox or a device id is normalised first, so that two
ways of writing it give one hash, then classed, then replaced by HMAC-SHA-256 (RFC 2104) with a secret key. A hash
without a secret protects nothing: all Chinese mobile numbers can be tried within an hour.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "blocked", "malformed"]

# kinds that say nothing about a person to outsiders; they stay readable
OPAQUE_KINDS = ("member_no", "household")
NO_KEY = "none"  # key version of hashes made without a secret
SHORTEST_KEY = 16  # characters

# Numbers that tills and forms are filled with; equal digits, zeros and eight equal last digits are found by rule.
TEST_PHONES = frozenset({"13800138000", "12345678901", "12345678900", "1234567890", "12345678", "10086", "10010"})
ROLE_MAILBOXES = frozenset(
    {
        "admin", "contact", "customerservice", "donotreply", "hello", "help", "info", "kefu", "mail", "marketing",
        "no-reply", "noreply", "nobody", "none", "null", "office", "postmaster", "root", "sales", "service",
        "services", "support", "test", "webmaster",
    }
)  # fmt: skip
PLACEHOLDERS = frozenset({"n/a", "na", "nan", "none", "null", "test", "undefined", "unknown", "无", "未知"})
MAILBOX = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
PHONE_MARKS = re.compile(r"[\s().\-/\u2010-\u2015\u2212]+")
CHINA_MOBILE = re.compile(r"1\d{10}")
LONGEST = 512  # characters; whatever is longer is no identifier
MANY_EQUAL = 8  # so many equal characters are a placeholder, not an id


@dataclass(frozen=True)
class IdentifierParams:
    """How identifiers are replaced on ingest."""

    # written beside each hash; change it together with the key
    key_version: str = "1"
    # stop when accounts are delivered and there is no key
    require_key: bool = True
    # values that never stitch, beside those that are known to be worthless: store phones, shared mailboxes
    blocked: tuple[str, ...] = ()


def normalise(kind: str, value: str) -> str:
    """`value` in the one way of writing that values of `kind` are compared in.

    >>> normalise("phone", "+86 138-1234-5678"), normalise("phone", "００４９ 171 2345678")
    ('13812345678', '+491712345678')
    >>> normalise("email", " Li.Na@Example.COM ")
    'li.na@example.com'
    """
    if kind in OPAQUE_KINDS:
        return value.strip()
    text = (value if value.isascii() else unicodedata.normalize("NFKC", value)).strip()
    if kind == "phone":
        return _phone(text)
    if kind == "email":
        return text.lower()
    if kind == "address":
        return " ".join(text.lower().split())
    if kind == "id_number":
        return "".join(text.upper().split())
    return text


def _phone(text: str) -> str:
    """Digits; a leading + where the number is of another country than China."""
    text = PHONE_MARKS.sub("", text)
    if text.startswith("00") and not text.startswith("000"):
        text = "+" + text[2:]
    if text.startswith("+86"):
        return text[3:].removeprefix("0") if CHINA_MOBILE.fullmatch(text[3:].removeprefix("0")) else text
    for prefix in ("86", "0"):  # 8613812345678 and 013812345678 are the same mobile
        if text.startswith(prefix) and CHINA_MOBILE.fullmatch(text[len(prefix) :]):
            return text[len(prefix) :]
    return text


def state_of(kind: str, normal: str, blocked: Iterable[str] = ()) -> State:
    """Whether a normalised value may stitch: `blocked` when it is worthless, `malformed` when it cannot be one.

    `blocked` are more worthless values, normalised.
    """
    if not normal or len(normal) > LONGEST or not normal.isprintable():
        return "malformed"
    if normal in blocked or _is_placeholder(kind, normal):
        return "blocked"
    if kind == "phone":
        return "ok" if _is_phone(normal) else "malformed"
    if kind == "email":
        return "ok" if MAILBOX.fullmatch(normal) else "malformed"
    return "ok"


def _is_placeholder(kind: str, normal: str) -> bool:
    if kind == "phone":
        digits = normal.removeprefix("+")
        same_end = len(digits) > MANY_EQUAL and len(set(digits[-MANY_EQUAL:])) == 1
        return digits in TEST_PHONES or digits.startswith("000") or len(set(digits)) == 1 or same_end
    if kind == "email":
        return normal.partition("@")[0] in ROLE_MAILBOXES
    marks = set(normal) - set("-_:{} ")
    if normal.lower() in PLACEHOLDERS or marks <= {"0"}:
        return True
    # a short member number may well be 77; a device of eight equal characters is none
    return kind not in OPAQUE_KINDS and len(marks) == 1 and len(normal) >= MANY_EQUAL


def _is_phone(normal: str) -> bool:
    digits = normal.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return False
    if normal.startswith("+86"):  # it would have lost its prefix, were it a mobile number
        return False
    if digits.startswith("1") and not normal.startswith("+"):
        return len(digits) == 11
    return 7 <= len(digits) <= 15


def keyed_hash(key: bytes, kind: str, normal: str) -> str:
    """HMAC-SHA-256 of a normalised value as 64 hex digits; equal texts of two kinds give two hashes."""
    return hmac.digest(key, f"{kind}\0{normal}".encode("utf-8", "surrogatepass"), "sha256").hex()


def check_value(key: bytes) -> str:
    """Tells keys apart without telling the key: 16 hex digits that change when it changes."""
    return hmac.digest(key, b"nextbest", "sha256").hex()[:16]


@dataclass(frozen=True)
class Pseudonymiser:
    """Replaces identifiers with one key. `key` is empty when there is no secret; it is in no printout of this."""

    key_version: str
    key: bytes
    blocked: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The version alone."""
        return f"Pseudonymiser(key_version={self.key_version!r})"

    @property
    def has_secret(self) -> bool:
        """Whether the hashes are worth anything against somebody who knows what numbers look like."""
        return bool(self.key)

    def replace(self, kind: str, values: Iterable[str]) -> list[tuple[str, State, str | None]]:
        """What to store for each value of `kind`, its state, and the key version (None where nothing was hashed).

        A blank value stays blank, for the rule that refuses it.
        """
        blocked = {normalise(kind, value) for value in self.blocked}
        found: list[tuple[str, State, str | None]] = []
        for value in values:
            normal = normalise(kind, value)
            state = state_of(kind, normal, blocked)
            if not normal or kind in OPAQUE_KINDS:
                found.append((normal, state, None))
            else:
                found.append((keyed_hash(self.key, kind, normal), state, self.key_version))
        return found
