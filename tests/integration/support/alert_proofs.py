"""Proofs of alerts as data: promtool judges when each is silent, fires with which words, and is silent again."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]


def as_test(rule: Mapping[str, Any], proof: Mapping[str, Any]) -> JsonObject:
    """What promtool is to check of an alert's *rule*: silent at first, then one alert with these words, then silent.

    A *proof* has the series in steps of a minute, and the moments ``quiet``, ``fires`` and ``resolved``; an alert that
    always fires has neither the first nor the last. ``value`` is what annotations say of the value.
    """
    labels = proof["labels"]
    alert = {
        "exp_labels": {**rule["labels"], **labels},
        "exp_annotations": {name: _filled(text, proof) for name, text in rule["annotations"].items()},
    }
    moments = [(proof[name], alerts) for name, alerts in _moments(alert) if name in proof]
    return {
        "name": f"{proof['alert']} at {proof['fires']}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in proof["series"].items()],
        "alert_rule_test": [
            {"eval_time": moment, "alertname": proof["alert"], "exp_alerts": alerts} for moment, alerts in moments
        ],
    }


def _moments(alert: JsonObject) -> list[tuple[str, list[JsonObject]]]:
    return [("quiet", []), ("fires", [alert]), ("resolved", [])]


def _filled(text: str, proof: Mapping[str, Any]) -> str:
    """An annotation with its labels and value."""
    text = re.sub(r"{{ \$value[^}]*}}", lambda _found: str(proof["value"]), text)
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: str(proof["labels"][found[1]]), text)


def require_proofs(
    tests: Sequence[JsonObject], *, groups: Sequence[Mapping[str, Any]], promtool: Path, folder: Path
) -> None:
    """Fail with promtool's words if one of the *tests* of these *groups* of rules does not hold."""
    # JSON is YAML.
    (folder / "rules.yml").write_text(json.dumps({"groups": list(groups)}))
    given = {
        "rule_files": ["rules.yml"],
        "group_eval_order": [group["name"] for group in groups],
        "tests": list(tests),
    }
    (folder / "tests.yml").write_text(json.dumps(given))
    done = subprocess.run(
        [str(promtool), "test", "rules", str(folder / "tests.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
