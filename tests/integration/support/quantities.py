"""Texts that are, or only look like, Kubernetes quantities."""

from __future__ import annotations

import itertools

NUMBERS = (
    "0",
    "00",
    "1",
    "007",
    "12",
    "12.",
    ".5",
    "0.5",
    "0.500",
    "1.5",
    "1.500",
    "0.0005",
    "0.0000000001",
    "1.1",
    "100",
    "999.9999999999",
    "1000",
    "1000.000",
    "1024",
    "1500",
    "1048576",
    "123456789012345678",
    "9223372036854775807",
    "9223372036854775808",
)
UNITS = ("", *"numkMGTPE", *(f"{letter}i" for letter in "KMGTPE"))
EXPONENTS = ("e3", "E3", "e+2", "e-2", "e0", "E-12", "e21")
SIGNED = ("-1", "+1", "-0", "-.5Gi", "+.5Gi", "-1000m", "-1.5Ki", "-0.1Ki", "-8Ei", "-9Ei", "-0.0000000001")
NONE = (
    "much",
    "1 Gi",
    "1GB",
    "10gb",
    "1K",
    "1i",
    "1.1.1",
    "1,5",
    "--1",
    "+-1",
    "1-",
    "1e",
    "1e-",
    "1e3.5",
    "1ee3",
    "1Ei3",
    "1Mii",
    "1mi",
    "1m3",
    "0x10",
    "1_000",
    "inf",
    "NaN",
    "\u0661",
    "1\u00b5",
    "\uff11",
)

TEXTS = (*map("".join, itertools.product(NUMBERS, (*UNITS, *EXPONENTS))), *SIGNED, *NONE)
# Zero or refused, by how the server happens to read it.
DIGITLESS = ("+", "-", ".", "Ki", "Pi", "Ei", "E-12", ".Pi", "m")
