"""Names of images: by the grammar of registries, with the defaults of Kubernetes, and back to the same text."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import IMAGES
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    NAME_MAX,
    Reference,
    digest_problem,
    parse_reference,
    prefix_problem,
    reference_problem,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of
from hypothesis import given
from hypothesis import strategies as st

DIGEST = f"sha256:{'0a' * 32}"

LOWER = "abcxyz0189"
# By hand, because strategies made of regular expressions take ten times as long.
PARTS = st.text(LOWER, min_size=1, max_size=6)
WORDS = st.lists(PARTS, min_size=2, max_size=5).flatmap(
    lambda parts: st.sampled_from([".", "_", "__", "-", "---"]).map(lambda sign: sign.join(parts))
)
HOSTS = st.builds(
    lambda names, end, port: f"{'.'.join(names)}.{end}{port}",
    st.lists(PARTS, min_size=1, max_size=3), st.sampled_from(["io", "example"]), st.sampled_from(["", ":5000"]),
)  # fmt: skip
TAGS = st.builds("{}{}".format, st.sampled_from("aZ0_"), st.text(f"{LOWER}AZ_.-", max_size=20))
DIGESTS = st.integers(min_value=0, max_value=2**256 - 1).map("sha256:{:064x}".format)


@st.composite
def references(draw: st.DrawFn) -> Reference:
    tag, digest = draw(st.one_of(st.tuples(TAGS, st.just("")), st.tuples(st.just(""), DIGESTS),
                                 st.tuples(TAGS, DIGESTS)))  # fmt: skip
    repository = "/".join(draw(st.lists(WORDS, min_size=1, max_size=4)))
    return Reference(registry=draw(HOSTS), repository=repository, tag=tag, digest=digest)


@given(references())
def test_what_is_written_is_read_as_the_same(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference
    assert reference_problem(str(reference)) is None


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_words(text: str) -> None:
    if reference_problem(text) is None:
        reference = parse_reference(text)
        assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "full"),
    {
        "busybox": "docker.io/library/busybox:latest",
        "busybox:1.36": "docker.io/library/busybox:1.36",
        "prom/prometheus": "docker.io/prom/prometheus:latest",
        "docker.io/busybox": "docker.io/library/busybox:latest",
        "index.docker.io/prom/prometheus:v1": "docker.io/prom/prometheus:v1",
        "localhost/a/b:1": "localhost/a/b:1",
        "registry:5000/a:1": "registry:5000/a:1",
        "REGISTRY/a:1": "REGISTRY/a:1",
        "[2001:db8::1]:5000/a:1": "[2001:db8::1]:5000/a:1",
        "quay.io/a/b:1": "quay.io/a/b:1",
        f"quay.io/a/b@{DIGEST}": f"quay.io/a/b@{DIGEST}",
        f"quay.io/a/b:1@{DIGEST}": f"quay.io/a/b:1@{DIGEST}",
    }.items(),
)
def test_defaults_are_filled_in(text: str, full: str) -> None:
    assert str(parse_reference(text)) == full


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "": "not the path of an image",
        "quay.io/A/b:1": "not the path of an image",
        "quay.io//b:1": "not the path of an image",
        "quay.io/a/b:": "has a tag that is empty",
        "quay.io/a/b:-1": "has a tag that is empty",
        f"quay.io/a/b:{'1' * 129}": "too long",
        "quay.io/a/b@sha256:12": "has a digest that is not",
        "quay.io/a/b@": "has a digest that is not",
        "https://quay.io/a/b:1": "not the host of a registry",
        "quay.io:port/a:1": "not the host of a registry",
        f"quay.io/{'a' * NAME_MAX}:1": f"longer than {NAME_MAX}",
        "quay.io/a b:1": "not the path of an image",
    }.items(),
)
def test_bad_names_are_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in (reference_problem(text) or "")


def test_the_content_is_named_by_its_digest() -> None:
    assert parse_reference("quay.io/a/b:1").with_digest(DIGEST) == f"quay.io/a/b@{DIGEST}"
    assert parse_reference("quay.io/a/b:1").with_digest("") == "quay.io/a/b:1"
    assert [parse_reference(text).pulled for text in ("quay.io/a:1", f"quay.io/a:1@{DIGEST}")] == ["1", DIGEST]


@pytest.mark.parametrize("text", ["sha256:12", "", "0" * 64, f"sha256:{'A' * 64}", "md5:0a"])
def test_wrong_digests(text: str) -> None:
    assert digest_problem(text)


@pytest.mark.parametrize(
    ("text", "good"),
    {"quay.io": True, "r:5000/a/b": True, "https://r": False, "r/": False, "": False, "r/A": False}.items(),
)
def test_prefixes(text: str, good: bool) -> None:
    assert (prefix_problem(text) is None) == good


@given(HOSTS, st.lists(WORDS, max_size=2), st.sampled_from(IMAGES), TAGS)
def test_our_images_are_known_below_any_registry(host: str, path: list[str], known: tuple[str, str], tag: str) -> None:
    registry, repository = known
    image = "/".join([host, *path, repository]) + f":{tag}"
    assert str(upstream_of(image)) == f"{registry}/{repository}:{tag}"


def test_an_image_of_others_is_its_own_source() -> None:
    assert str(upstream_of("ghcr.io/other/my-thanos/thanos2:1")) == "ghcr.io/other/my-thanos/thanos2:1"
    assert str(upstream_of("ghcr.io/myprometheus/prometheus:1")) == "ghcr.io/myprometheus/prometheus:1"
