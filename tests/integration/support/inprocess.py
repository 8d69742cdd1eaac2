"""Runs modules of the collection in this process: all of their work, without the seconds that Ansible takes."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]

PACKAGE = "ansible_collections.promfleet.monitoring.plugins.modules"


def run_module(
    name: str, /, *, kubeconfig: Path | None = None, context: str = "", check: bool = False, **options: t.Any
) -> JsonObject:
    """What the module's work returns, its outcome as ``outcome``; raises what the work raises.

    A module that asks no cluster takes no *kubeconfig*.
    """
    module = importlib.import_module(f"{PACKAGE}.{name}")
    definition: Definition = module.DEFINITION
    connection = {} if kubeconfig is None else {"kubeconfig": str(kubeconfig), "context": context}
    given = {**connection, **options}
    # kubernetes.core's own options have aliases and fallbacks that only matter where they are given.
    validated = ArgumentSpecValidator(definition.options, **definition.rules).validate(given)
    assert not validated.error_messages, validated.error_messages
    return definition.work(Run(params=validated.validated_parameters, check=check))
