"""An API server reads and keeps quantities as we do."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import MILLI, parse

from tests.integration.support.cluster import ApiError, Cluster, JsonObject
from tests.integration.support.quantities import TEXTS

GROUP = "quantities.example.com"
BATCH = 100
# CEL calculates with what resource.Quantity reads, so that values are compared and not texts.
RULES = [
    {"rule": "isQuantity(self.text) == self.good", "message": "is a quantity or not"},
    {
        "rule": "!self.good || quantity(self.text).compareTo(quantity(self.canonical)) == 0",
        "message": "has another value",
    },
]
TEXT = {"type": "string", "maxLength": 40}
CLAIM: JsonObject = {
    "type": "object",
    "required": ["text", "good", "canonical"],
    "properties": {"text": TEXT, "good": {"type": "boolean"}, "canonical": TEXT},
    "x-kubernetes-validations": RULES,
}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"claims": {"type": "array", "maxItems": BATCH, "items": CLAIM}},
}
CRD: JsonObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"tables.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Cluster",
        "names": {"kind": "Table", "plural": "tables"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}


@pytest.fixture(scope="module")
def judge(api: Cluster) -> Cluster:
    api.apply(CRD, force=True)
    api.wait_until(lambda: "Table" in {kind.kind for kind in api.kinds()}, "the table's CRD is served")
    return api


def claim(text: str, *, canonical: str | None = None) -> JsonObject:
    found = parse(text)
    return {"text": text, "good": found is not None, "canonical": canonical or str(found or 0)}


def ask(judge: Cluster, claims: list[JsonObject]) -> None:
    table = {"apiVersion": f"{GROUP}/v1", "kind": "Table", "metadata": {"name": "table"}, "claims": claims}
    judge.request("POST", f"/apis/{GROUP}/v1/tables", query={"dryRun": "All"}, body=table)


@pytest.mark.parametrize("first", range(0, len(TEXTS), BATCH))
def test_the_server_reads_the_same_values(judge: Cluster, first: int) -> None:
    ask(judge, [claim(text) for text in TEXTS[first : first + BATCH]])


@pytest.mark.parametrize("wrong", [claim("1.1Ki", canonical="1126401m"), {**claim("1GB"), "good": True}])
def test_a_wrong_claim_is_found(judge: Cluster, wrong: JsonObject) -> None:
    with pytest.raises(ApiError, match=r"HTTP 422"):
        ask(judge, [claim("1"), wrong])


def pod(size: t.Any, cpu: t.Any) -> JsonObject:
    container = {"name": "c", "image": "example.com/c", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [container], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": size}}]},
    }


def kept(api: Cluster, size: t.Any, cpu: t.Any) -> tuple[str, str] | str:
    """What the server keeps of a size and of an amount of a resource, or its reason."""
    try:
        spec = api.request("POST", "/api/v1/namespaces/default/pods", query={"dryRun": "All"}, body=pod(size, cpu))[
            "spec"
        ]
    except ApiError as error:
        return str(error)
    return spec["volumes"][0]["emptyDir"]["sizeLimit"], spec["containers"][0]["resources"]["requests"]["cpu"]


def test_the_server_keeps_the_canonical_form_as_it_is(api: Cluster) -> None:
    found = {text: quantity for text in TEXTS if (quantity := parse(text)) and quantity.value >= 0}
    ours = {text: (str(quantity), str(quantity.rounded_up(MILLI))) for text, quantity in found.items()}
    with ThreadPoolExecutor(4) as pool:
        # What we send comes back as it is.
        again = dict(zip(ours, pool.map(lambda pair: kept(api, *pair), ours.values()), strict=True))
        # What the server does not keep as it was written takes the form that we give it.
        written = dict(zip(ours, pool.map(lambda text: kept(api, text, text), ours), strict=True))
    assert again == ours
    rewritten = {text: pair for text, pair in written.items() if text not in pair}
    assert len(rewritten) > 100
    # Servers that write 1000E as 1 are no measure for amounts beyond E.
    assert {text: ours[text] for text in rewritten if "e21" not in ours[text][0]} == {
        text: pair for text, pair in rewritten.items() if "e21" not in ours[text][0]
    }
