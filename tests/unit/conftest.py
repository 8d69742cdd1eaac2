"""What the unit tests share: the engine knows the operator's kinds, as in every run of a module."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds

kinds.register()
