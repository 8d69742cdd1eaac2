"""Which proxy leads to a server: Go's rules for HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.proxies import is_excepted, proxy_for

SERVER = "https://api.edge.example.com:6443"
PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": "socks5://localhost:1080"}, "socks5://localhost:1080"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other,.example.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ""}, PROXY),
    ],
)
def test_the_proxy_of_the_environment(environ: dict[str, str], expected: str | None) -> None:
    assert proxy_for(SERVER, environ=environ) == expected


@pytest.mark.parametrize(
    ("url", "exceptions", "expected"),
    [
        ("https://localhost:6443", "", True),
        ("https://127.0.0.1:6443", "", True),
        ("https://[::1]:6443", "", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", True),
        ("https://10.1.2.3:6443", "10.1.2.3", True),
        ("https://10.1.2.3:6443", "10.1.2.3:443", False),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", True),
        ("https://11.1.2.3:6443", "10.0.0.0/8", False),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://edge.example.com", "example.com", True),
        ("https://example.com", "example.com", True),
        ("https://example.com", ".example.com", False),
        ("https://badexample.com", "example.com", False),
        ("https://EDGE.example.com", "Example.COM", True),
        ("https://edge.example.com", "*.example.com", True),
        ("https://edge.example.com", "not a range/8, edge.example.com", True),
        ("https://edge.example.com", ",,", False),
    ],
)
def test_what_no_proxy_excepts(url: str, exceptions: str, expected: bool) -> None:
    assert is_excepted(url, exceptions) is expected
