# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the selectors of ``match[]``, without asking a Prometheus. Pure.

A series is a value for each label, the empty one where it lacks the label, and a selector lets some values of each
label pass. So a selector is a product of sets, and "selects nothing" and "is contained in" are questions about one
label after the other. What `languages` does not decide is never reported.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import languages
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.languages import Values
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    METRIC_NAME,
    Fault,
    Matcher,
    Selector,
    read_selector,
)

# /federate adds these to each series after match[] was applied; what is scraped or recorded hardly ever has them.
# The last two are what the operator calls an instance and its replicas.
IDENTITY_LABELS = frozenset({"cluster", "prometheus", "prometheus_replica"})

# Labels whose values name people, or addresses of people, or carry what people typed.
SENSITIVE_LABELS = frozenset(
    {
        "account",
        "address",
        "client",
        "client_address",
        "client_ip",
        "customer",
        "email",
        "login",
        "mail",
        "person",
        "phone",
        "query",
        "referer",
        "remote_addr",
        "remote_address",
        "remote_ip",
        "session",
        "session_id",
        "source_ip",
        "src_ip",
        "token",
        "uri",
        "url",
        "user",
        "user_agent",
        "user_id",
        "user_name",
        "userid",
        "username",
    }
)

# Every scraped series has them.
_ALWAYS_THERE = (METRIC_NAME, "job", "instance")


def _texts_of(regex: str) -> Values:
    pattern = languages.read(regex)
    return languages.NOTHING if pattern is None else pattern.values


# docs/concepts/data_model.md of Prometheus; UTF-8 allows more, and exporters hardly use it.
_METRIC_NAMES = _texts_of("[a-zA-Z_:][a-zA-Z0-9_:]*")
_BUCKETS = _texts_of(".*_bucket")
_RECORDED = _texts_of("[^:]*:.*")
_FEDERATION_JOBS = _texts_of("federation/.*")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One thing that is wrong with the selector at *index*: the *code* of the finding, and its evidence."""

    index: int
    code: str
    evidence: t.Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A selector with what it lets pass: for each label with a matcher a set, or None if that is not decided."""

    index: int
    selector: Selector
    values: t.Mapping[str, Values | None]

    def of(self, label: str) -> list[Matcher]:
        return [matcher for matcher in self.selector.matchers if matcher.label == label]

    @functools.cached_property
    def unbounded(self) -> bool:
        return _selects_all(self.values)

    @functools.cached_property
    def impossible(self) -> str | None:
        """A label of which no value passes."""
        return next((label for label, values in self.values.items() if values and languages.is_nothing(values)), None)

    @functools.cached_property
    def name(self) -> str | None:
        """The only name of a metric that it can select."""
        values = self.values.get(METRIC_NAME)
        return None if values is None else languages.plain_text(values)


def lint(texts: t.Sequence[str], *, external_labels: t.Collection[str] = (), federates: bool = False) -> list[Remark]:
    """All that is wrong with the selectors *texts*, in their order; *external_labels* are those of the source.

    *federates*: whether the source federates others itself, whose series it has with all labels that they came with.

    Needs promql-parser, as `read_selector` does.
    """
    remarks: list[Remark] = []
    judged: list[_Judged] = []
    for index, text in enumerate(texts):
        read = read_selector(text)
        if isinstance(read, Fault):
            remarks.append(Remark(index=index, code=read.code, evidence={"reason": read.reason}))
        else:
            labels = dict.fromkeys(matcher.label for matcher in read.matchers)
            judged.append(
                _Judged(index=index, selector=read, values={label: _passing(read, label) for label in labels})
            )
    for one in judged:
        remarks += [
            Remark(index=one.index, code=code, evidence={"selector": one.selector.text, **evidence})
            for code, evidence in _alone(one, external_labels=frozenset(external_labels), federates=federates)
        ]
    return sorted((*remarks, *_together(judged)), key=lambda remark: (remark.index, remark.code))


def values_of(matcher: Matcher) -> Values | None:
    """The values that a matcher lets pass; None if that is not decided."""
    if matcher.operator in ("=", "!="):
        values: Values | None = languages.exactly(matcher.value)
    else:
        pattern = languages.read(matcher.value)
        values = None if pattern is None else pattern.values
    negative = matcher.operator in ("!=", "!~")
    return languages.complement(values) if values is not None and negative else values


def contains(outer: Selector, inner: Selector) -> bool:
    """Whether *outer* selects every series that *inner* selects; False too if that is not decided."""
    for label in dict.fromkeys(matcher.label for matcher in outer.matchers):
        wanted = {matcher for matcher in outer.matchers if matcher.label == label}
        if wanted <= set(inner.matchers):
            continue
        given, allowed = _passing(inner, label), _passing(outer, label)
        if given is None or allowed is None or not languages.is_within(given, allowed):
            return False
    return True


def never_matches(selector: Selector) -> bool:
    """Whether no series at all can have what *selector* wants; False too if that is not decided."""
    labels = dict.fromkeys(matcher.label for matcher in selector.matchers)
    return any((values := _passing(selector, label)) and languages.is_nothing(values) for label in labels)


@functools.lru_cache(maxsize=10_000)
def _passing(selector: Selector, label: str) -> Values | None:
    # A series without a name is not a series.
    sets: list[Values | None] = [languages.NOT_EMPTY] if label == METRIC_NAME else []
    sets += [values_of(matcher) for matcher in selector.matchers if matcher.label == label]
    known = [values for values in sets if values is not None]
    return languages.intersection(known) if len(known) == len(sets) else None


def _selects_all(values: t.Mapping[str, Values | None]) -> bool:
    """Whether every scraped series passes."""

    def all_pass(label: str, passing: Values | None) -> bool:
        if passing is None:
            return False
        least = _METRIC_NAMES if label == METRIC_NAME else languages.NOT_EMPTY
        there = least if label in _ALWAYS_THERE else languages.EVERYTHING
        return bool(languages.is_within(there, passing))

    return all(all_pass(label, passing) for label, passing in values.items())


# -- one selector -------------------------------------------------------------------------------------------------

Found: t.TypeAlias = "tuple[str, dict[str, str | tuple[str, ...]]]"


def _alone(one: _Judged, *, external_labels: frozenset[str], federates: bool) -> t.Iterator[Found]:
    """What can be said about a selector without the others."""
    if one.impossible is not None:
        matchers = tuple(map(str, one.of(one.impossible)))
        yield "PF336", {"label": one.impossible, "matchers": matchers}
        return
    if one.unbounded:
        yield "PF335", {}
        return
    yield from _of_labels(one, added=frozenset() if federates else external_labels | IDENTITY_LABELS)
    labels = {matcher.label for matcher in one.selector.matchers if _is_positive(matcher)}
    if _selects_all({label: _passing_positive(one, label) for label in one.values if label in labels}):
        negative = [str(matcher) for matcher in one.selector.matchers if not _is_positive(matcher)]
        yield "PF338", {"matchers": tuple(negative)}
    if _has_alternative_within(one, METRIC_NAME, _BUCKETS, but=_RECORDED):
        yield "PF342", {}
    if _has_alternative_within(one, "job", _FEDERATION_JOBS):
        yield "PF343", {}
    for matcher in one.selector.matchers:
        yield from _of_matcher(one, matcher)


def _of_labels(one: _Judged, *, added: frozenset[str]) -> t.Iterator[Found]:
    """*added*: the labels that the source adds to each series only when it was selected."""
    for label, passing in one.values.items():
        if label in added and passing is not None and not languages.has_empty_text(passing):
            yield ("PF337" if label in IDENTITY_LABELS else "PF348"), {"label": label}
    sensitive = [label for label in one.values if label.lower() in SENSITIVE_LABELS]
    if sensitive:
        yield "PF341", {"labels": tuple(sensitive)}


def _is_positive(matcher: Matcher) -> bool:
    return matcher.operator in ("=", "=~")


def _passing_positive(one: _Judged, label: str) -> Values | None:
    sets = [values_of(matcher) for matcher in one.of(label) if _is_positive(matcher)]
    known = [values for values in sets if values is not None]
    return languages.intersection(known) if len(known) == len(sets) else None


def _has_alternative_within(one: _Judged, label: str, values: Values, *, but: Values = languages.NOTHING) -> bool:
    """Whether a matcher of *label* names *values*, or some of them, as one of what it lets pass.

    An alternative that lets only values of *but* pass does not count.
    """
    for matcher in one.of(label):
        if not _is_positive(matcher):
            continue
        pattern = languages.read(matcher.value) if matcher.operator == "=~" else None
        exact = (languages.exactly(matcher.value),) if matcher.operator == "=" else ()
        for alternative in pattern.alternatives if pattern else exact:
            if languages.is_within(alternative, values) and languages.is_within(alternative, but) is False:
                return True
    return False


def _of_matcher(one: _Judged, matcher: Matcher) -> t.Iterator[Found]:
    shown = {"matcher": str(matcher)}
    if _is_idle(one, matcher):
        yield "PF344", dict(shown)
        return
    if matcher.operator not in ("=~", "!~"):
        return
    pattern = languages.read(matcher.value)
    if pattern is None:
        return
    if pattern.anchored:
        yield "PF345", dict(shown)
    text = languages.only_text(pattern.values)
    if text is not None:
        sign = "=" if matcher.operator == "=~" else "!="
        yield "PF346", {**shown, "instead": str(Matcher(label=matcher.label, operator=sign, value=text))}
        return
    idle = _idle_alternatives(pattern)
    if idle:
        yield "PF347", {**shown, "alternatives": idle}


def _is_idle(one: _Judged, matcher: Matcher) -> bool:
    """Whether the selector selects the same without *matcher*."""
    others = [values_of(each) for each in one.of(matcher.label) if each is not matcher]
    known = [values for values in others if values is not None]
    before = [languages.NOT_EMPTY] if matcher.label == METRIC_NAME else []
    passing = values_of(matcher)
    # Without the name no matcher might be left that does not match the empty text.
    alone = matcher.label == METRIC_NAME and len(one.selector.matchers) == 1
    return (
        passing is not None
        and not alone
        and bool(languages.is_within(languages.intersection([*before, *known]), passing))
    )


def _idle_alternatives(pattern: languages.Pattern) -> tuple[str, ...]:
    """The alternatives that another one covers, as they are written; of two equal ones the later."""
    plain = [languages.plain_text(values) for values in pattern.alternatives]
    wide = [number for number, text in enumerate(plain) if text is None]
    idle: list[int] = []
    for number, values in enumerate(pattern.alternatives):
        if plain[number] is not None and plain[number] in plain[:number]:
            idle.append(number)
            continue
        covering = (other for other in wide if other != number and other not in idle)
        if any(languages.is_within(values, pattern.alternatives[other]) for other in covering):
            idle.append(number)
    return tuple(pattern.texts[number] for number in idle)


# -- several selectors --------------------------------------------------------------------------------------------


def _together(judged: t.Sequence[_Judged]) -> t.Iterator[Remark]:
    """Selectors whose series another one selects, too. Where two are equal, the later one is reported."""
    possible = [one for one in judged if one.impossible is None and not one.unbounded]
    for one in possible:
        for other in possible:
            if other is one or (one.name and other.name and one.name != other.name):
                continue
            if not contains(other.selector, one.selector):
                continue
            same = contains(one.selector, other.selector)
            if same and one.index < other.index:
                continue
            evidence = {"selector": one.selector.text, "other": other.selector.text}
            yield Remark(index=one.index, code="PF339" if same else "PF340", evidence=evidence)
            break
