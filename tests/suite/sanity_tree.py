"""What `ansible-test` needs around it: a physical collection tree, and a home in which it finds pip and its index."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.suite import artifact, stages

# The versions of Python that modules need.
CONFIG = "tests/config.yml"
# ansible-test downloads get-pip.py from a host of its own, which may be out of reach where package indexes are not.
# Python's own ensurepip does as well. It runs in a process of its own: it leaves PIP_CONFIG_FILE=/dev/null behind.
GET_PIP = """\
import subprocess
import sys

if __name__ == "__main__":
    subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
    packages = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", *packages])
"""
PIP_VERSION = """\
import sys
from types import SimpleNamespace
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(SimpleNamespace(version="%d.%d" % sys.version_info[:2]))["pip"])
"""


def unpack_collection(venv: Path) -> Path:
    """Unpacks the built collection into a tree below `venv`, beside kubernetes.core, and returns the folder.

    What users and Galaxy get is what counts; what is left out of it, `make lint` checks. Only the versions of Python
    that modules need are said in a file that the artifact leaves out. ansible-test refuses a symbolic link, looks for
    documentation fragments only in the same tree, and lists files with git: hence a repository of its own at the
    tree's root, where the ignored environment folder does not matter.
    """
    root = venv / "ansible-test"
    tree = root / "ansible_collections"
    target = tree / "promfleet/monitoring"
    shutil.rmtree(root / ".git", ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        artifact.unpack(artifact.build(venv, Path(folder)), target)
    (target / CONFIG).parent.mkdir()
    shutil.copy2(stages.CHECKOUT / CONFIG, target / CONFIG)
    dependency = tree / "kubernetes/core"
    dependency.parent.mkdir(exist_ok=True)
    dependency.unlink(missing_ok=True)
    dependency.symlink_to(venv / "collections/ansible_collections/kubernetes/core")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    return target


def make_home(venv: Path) -> Path:
    """A home folder for ansible-test below `venv`, so that its cache and our get-pip.py stay out of the user's own."""
    home = venv / "ansible-test-home"
    version = _output(venv, "-c", PIP_VERSION)
    stub = home / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text(GET_PIP)
    _write_pip_settings(home / ".config/pip/pip.conf", listed=_output(venv, "-m", "pip", "config", "list"))
    return home


def _output(venv: Path, *arguments: str) -> str:
    command = [str(venv / "bin/python"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _write_pip_settings(path: Path, *, listed: str) -> None:
    """Keeps the user's pip settings, wherever they come from: ansible-test drops PIP_* and we change HOME."""
    config = configparser.RawConfigParser()
    config.add_section("global")
    # Lines like global.cert='/x' or :env:.cert='/x'; the environment comes first in the list but counts most.
    for line in reversed(listed.splitlines()):
        name, quoted = line.split("=", maxsplit=1)
        value = quoted[1:-1].replace("\\n", "\n")
        section, option = name.rsplit(".", 1)
        if section in {":env:", "global", "install"} and option not in {"config-file", "require-virtualenv"}:
            config.set("global", option, value)
    if "SSL_CERT_FILE" in os.environ and not config.has_option("global", "cert"):
        config.set("global", "cert", os.environ["SSL_CERT_FILE"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        config.write(file)
