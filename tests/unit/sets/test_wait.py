"""What is told of objects that do not go."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import what_holds

# As the namespace controller of Kubernetes 1.36 writes them.
CONDITIONS = [
    {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
    {
        "type": "NamespaceContentRemaining",
        "status": "True",
        "message": "Some resources are remaining: configmaps. has 1 resource instances",
    },
    {
        "type": "NamespaceFinalizersRemaining",
        "status": "True",
        "message": "Some content in the namespace has finalizers remaining: example.org/never in 1 resource",
    },
]


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        ({"kind": "ConfigMap", "metadata": {}}, "finalizers: none"),
        ({"kind": "ConfigMap", "metadata": {"finalizers": ["a", "b"]}}, "finalizers: a, b"),
        (
            {"kind": "Namespace", "metadata": {}, "spec": {"finalizers": ["kubernetes"]}, "status": {}},
            "finalizers: kubernetes",
        ),
        (
            {
                "kind": "Namespace",
                "metadata": {},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Terminating", "conditions": CONDITIONS},
            },
            f"finalizers: kubernetes; {CONDITIONS[1]['message']}; {CONDITIONS[2]['message']}",
        ),
        (
            {
                "kind": "CustomResourceDefinition",
                "metadata": {"finalizers": ["customresourcecleanup.apiextensions.k8s.io"]},
                "status": {
                    "conditions": [
                        {"type": "Established", "status": "True", "message": "the initial names have been accepted"},
                        {"type": "Terminating", "status": "True", "message": "CustomResource deletion is in progress"},
                    ]
                },
            },
            "finalizers: customresourcecleanup.apiextensions.k8s.io; CustomResource deletion is in progress",
        ),
        # What else has conditions tells of its work, not of its end.
        (
            {"kind": "Prometheus", "metadata": {}, "status": {"conditions": [{"status": "True", "message": "fine"}]}},
            "finalizers: none",
        ),
    ],
)
def test_what_holds_an_object(live: dict[str, t.Any], reason: str) -> None:
    assert what_holds(live) == reason
