"""The secret that identifiers are hashed with: read from the environment, checked, recognised when it changes.

The key is in no setting, plan, log or table. What is kept, in the commits of `accounts`, is its version and a check
value by which another key under the same version is noticed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from features.errors import SettingsError
from features.identifiers import NO_KEY, SHORTEST_KEY, IdentifierParams, Pseudonymiser, check_value
from jobs.tables import Lake

VARIABLE = "NEXTBEST_ID_KEY"
HOW_TO = (
    f'make one with `python -c "import secrets; print(secrets.token_hex(32))"`, keep it where secrets are kept, and '
    f"set it as the variable {VARIABLE} for every run"
)
NOTE = re.compile(r"identifiers hashed with key version (\S+), check ([0-9a-f]{16})")


def pseudonymiser(params: IdentifierParams, environ: Mapping[str, str] | None = None) -> Pseudonymiser:
    """The pseudonymiser of this run; `SettingsError` without a key where one is required, or with a short one."""
    key = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if not key:
        if params.require_key:
            raise SettingsError(
                f"accounts are delivered and there is no key to hash their identifiers with: {HOW_TO}. For made-up "
                "data, identifiers.require_key: false hashes without a secret"
            )
        return Pseudonymiser(NO_KEY, b"", tuple(params.blocked))
    if len(key) < SHORTEST_KEY:
        raise SettingsError(
            f"the key in {VARIABLE} has {len(key)} characters, fewer than {SHORTEST_KEY}, and could be guessed; "
            + HOW_TO
        )
    if params.key_version == NO_KEY or not re.fullmatch(r"[\w.-]{1,32}", params.key_version):
        raise SettingsError(
            f"identifiers.key_version is {params.key_version!r}; use up to 32 letters, digits, dots or dashes, and not "
            f"{NO_KEY!r}, which marks hashes without a secret"
        )
    return Pseudonymiser(params.key_version, key.encode(), tuple(params.blocked))


def key_note(hashes: Pseudonymiser) -> str:
    """What the commit of `accounts` says of the key."""
    return f"identifiers hashed with key version {hashes.key_version}, check {check_value(hashes.key)}"


def check_key(lake: Lake, hashes: Pseudonymiser) -> None:
    """`SettingsError` when the lake knows another key under this version: hashes would silently stop matching."""
    for commit in lake.history("accounts"):
        noted = NOTE.fullmatch(commit.note)
        if noted and noted[1] == hashes.key_version:
            if noted[2] != check_value(hashes.key):
                raise SettingsError(
                    f"the key in {VARIABLE} is not the one that key version {hashes.key_version} was used with "
                    f"(accounts v{commit.version}): set that key again, or, if it was changed on purpose, give the new "
                    "one a new identifiers.key_version"
                )
            return
