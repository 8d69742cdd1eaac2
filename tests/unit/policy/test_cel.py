"""CEL as policies are written in it: read, written again, and held to the subset."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    CelError,
    Ident,
    Literal,
    Node,
    Operation,
    Select,
    literal,
    names_of,
    parse,
    unparse,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.subset import (
    Names,
    inlined,
    problems,
    regex_problem,
    with_values,
)
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = Names(parameters=("most",), variables=("items",))


def leaves() -> st.SearchStrategy[Node]:
    texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map(Literal)
    numbers = st.integers(min_value=0, max_value=2**53).map(Literal)
    words = st.sampled_from([Literal(value=True), Literal(value=False), Literal(None)])
    return st.one_of(texts, numbers, words, st.sampled_from("abc").map(Ident))


def above(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    signs = st.sampled_from(["||", "&&", "==", "!=", "<", "in", "+", "-", "*"])
    return st.one_of(
        st.builds(lambda sign, one, two: Operation(sign, (one, two)), signs, inner, inner),
        st.builds(lambda one, two, three: Operation("?:", (one, two, three)), inner, inner, inner),
        st.builds(lambda one: Operation("!", (one,)), inner),
        st.builds(Select, inner, st.sampled_from(["spec", "labels"]), st.booleans()),
        st.builds(listed, st.lists(inner, max_size=3)),
    )


def listed(items: list[Node]) -> Node:
    return parse(f"[{', '.join(map(unparse, items))}]")


@given(st.recursive(leaves(), above, max_leaves=8))
@settings(deadline=None, max_examples=300)
def test_what_is_written_is_read_as_the_same_tree(node: Node) -> None:
    text = unparse(node)
    assert parse(text) == node
    assert unparse(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a +", "expected a value, found the end"),
        ("a && ", "expected a value, found the end"),
        ("1.5 > 1", "is not CEL that a policy may use"),
        ("b'x' == c", "expected the end, found"),
        ("a.b(", "found the end"),
        ("[1, 2", "expected ,"),
        ("'\\q'", "the escape"),
        ("for == 1", "is a reserved word"),
        ("a\0b", "NUL"),
        ("(" * 60 + "a" + ")" * 60, "too deep"),
        ("a[" * 30 + "0" + "]" * 30, "nested"),
        ("a || " * 3000 + "a", "at most 10000"),
        ("`x`", "is not CEL"),
    ],
)
def test_what_is_not_cel_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(CelError) as error:
        parse(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "object.spec.?endpoints.orValue([]).all(e, has(e.port) && e.port.matches(r'^[a-z]+$'))",
        "request.operation == 'UPDATE' && request.userInfo.?groups.orValue([]).exists(g, g == 'a')",
        "type(object.spec.port) == int || type(object.spec.port) != string",
        "object.metadata.?labels[?'a/b'].orValue('') in ['x', 'y'] ? true : variables.items.size() <= params.most",
        "dyn(object.spec).map(f, f.lowerAscii()).filter(f, f.startsWith('a') || f.contains('c')) != []",
        "'a,b'.split(',')[0] == 'a' && namespaceObject.metadata.name != '' && oldObject == null",
        "request.kind.kind + '/' + request.name != {'a': 1}['a'] || !object.?spec.hasValue()",
    ],
)
def test_the_subset_has_what_policies_need(text: str) -> None:
    assert problems(parse(text), names=NAMES) == []


# Each is something that an engine lacks, or that two of them judge differently.
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("object.spec.size() / 2 == 1", "operator '/'"),
        ("1 - 1 == 0", "operator '-'"),
        ("duration(object.spec.interval) > duration('5s')", "duration() is not in the subset"),
        ("url(object.spec.url).getHost() == 'a'", "getHost() is not in the subset"),
        ("object.spec.url.find('a') == 'a'", "find() is not in the subset"),
        ("authorizer.group('').resource('pods').check('get').allowed()", "'authorizer' is not known"),
        ("quantity('1Mi').isGreaterThan(quantity('1Ki'))", "quantity() is not in the subset"),
        ("object.spec.items.exists_one(i, i == 1)", "exists_one() is not in the subset"),
        ("object.metadata.labels.all(k, v, k == v)", "has 3 arguments"),
        ("object.spec.items.map(i, i > 1, i) == []", "has 3 arguments"),
        ("object.spec.name.matches(object.spec.regex)", "needs a constant text"),
        ("object.spec.name.matches('a(?=b)')", "a group that RE2 lacks"),
        ("object.spec.name.matches(r'\\Ca')", "the escape \\C"),
        ("object.spec.name.matches('a{1,1001}')", "more than 1000"),
        ("object.spec.name.matches('a[')", "is wrong"),
        ("object.spec.name.orValue('') == ''", "needs an optional value"),
        ("request.options.dryRun", "request.options is not known"),
        ("request.userInfo.extra == {}", "request.userInfo.extra is not in the subset"),
        ("params.mots > 1", "params.mots is not known; did you mean 'most'?"),
        ("variables.other > 1", "variables.other is not known"),
        ("objct.spec == 1", "'objct' is not known; did you mean 'object'?"),
        ("params == {}", "'params' alone"),
        ("object.spec.items.all(object, true)", "hides another name"),
        ("object.spec.items.all(i, i.all(i, true))", "hides another name"),
        ("object.spec.items.all(1, true)", "needs a variable"),
        ("has(object.spec.?name)", "has() needs a field"),
        ("has(object)", "has() needs a field"),
        ("{object.kind: 1} == {}", "keys of a map"),
        ("9007199254740993 == 1", "larger than"),
        ("'a'.split('') == []", "needs a separator"),
        ("type(object.spec)", ""),
    ],
)
def test_what_is_outside_of_the_subset_is_refused(text: str, said: str) -> None:
    found = problems(parse(text), names=NAMES)
    assert bool(found) == bool(said)
    assert said in "; ".join(found)


def test_a_regular_expression_is_plain_or_refused() -> None:
    good = [r"^(__tmp_[a-z0-9_]+|[a-zA-Z]+)?$", r"^v?[0-9]+\.[0-9]+$", "(?i)^abc$", "(?:a|b){2,3}"]
    assert [regex_problem(text) for text in good] == [None] * len(good)
    bad = ["(?P<a>x)", "a(?i)b", "[[:alpha:]]", r"\x41", r"\p{L}", "(?s)a", "a**"]
    assert all(regex_problem(text) for text in bad)


def test_parameters_and_variables_are_replaced() -> None:
    variables = {"items": parse("object.spec.?items.orValue([])")}
    node = with_values(parse("variables.items.size() <= params.most"), {"most": literal(3)})
    assert unparse(inlined(node, variables)) == "object.spec.?items.orValue([]).size() <= 3"
    with pytest.raises(CelError, match=r"params\.mots is not known; did you mean 'most'\?"):
        with_values(parse("params.mots"), {"most": literal(3)})


def test_names_are_told_from_fields_and_texts() -> None:
    assert names_of("object.request.?oldObject == 'namespaceObject' && x in [y]") == {"object", "x", "in", "y"}
