"""What every training run of tracking says of where it comes from."""

from __future__ import annotations

import json

from jobs.code_version import code_version
from jobs.runs import Job


def training_tags(job: Job, protocol: str) -> dict[str, str]:
    """The cut, the inputs, settings and code that a training rests on; `protocol` says how its data are split."""
    return {
        "as_of": str(job.as_of.day),
        "run_id": job.run_id,
        "inputs": json.dumps(job.pinned, sort_keys=True),
        "settings_hash": job.settings.section_hash(job.step.settings),
        "seed": str(job.settings.seed),
        "code_version": code_version(),
        "protocol": protocol,
    }
