"""Runs modules of the collection in this process: all of their work, without the seconds that Ansible takes."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import Run

JsonObject = dict[str, t.Any]

PACKAGE = "ansible_collections.promfleet.monitoring.plugins.modules"


def run_module(name: str, /, *, kubeconfig: Path, context: str, check: bool = False, **options: t.Any) -> JsonObject:
    """What the module's work returns, its outcome as ``outcome``; raises what the work raises."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    caught: list[tuple[JsonObject, t.Callable[[Run], JsonObject]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run_module", lambda spec, work, **_: caught.append((spec, work)))
        module.main()
    ((spec, work),) = caught
    given = {"kubeconfig": str(kubeconfig), "context": context, **options}
    # kubernetes.core's own options have aliases and fallbacks that only matter where they are given.
    validated = ArgumentSpecValidator(spec).validate(given)
    assert not validated.error_messages, validated.error_messages
    stand_in = SimpleNamespace(params=validated.validated_parameters, check_mode=check)
    return work(Run(t.cast("t.Any", stand_in)))
