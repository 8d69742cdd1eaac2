"""A connection to this very machine that does not say so: for what must also work where modules run elsewhere."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: elsewhere
short_description: Another machine, as far as Ansible can tell
description:
  - Runs modules here under another name.
extends_documentation_fragment:
  - connection_pipelining
options:
  become_success_timeout:
    description: As for the local connection.
    type: int
    default: 10
  become_strip_preamble:
    description: As for the local connection.
    type: bool
    default: true
"""


class Connection(LocalConnection):
    """The local connection under another name."""

    transport = "elsewhere"
