"""The command line: `lab --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from promlab.errors import LabError
from promlab.session import Session


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="lab", description="Real kind clusters for tests. Details: tests/lab/README.md")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="make clusters ready, building what they need")
    up.add_argument("names", nargs="+", metavar="NAME")
    up.add_argument("--workers", type=int, default=0, help="nodes beside the control plane, of each (default 0)")
    up.add_argument("--bare", action="store_true", help="without the images of what the collection installs")
    down = commands.add_parser("down", help="remove clusters; without names all that this lab made")
    down.add_argument("names", nargs="*", metavar="NAME")
    status = commands.add_parser("status", help="show the clusters of this lab")
    status.add_argument("--json", action="store_true", help="for programs")
    make = commands.add_parser("build", help="build what clusters need, or single programs, without making a cluster")
    make.add_argument("programs", nargs="*", metavar="PROGRAM")
    load = commands.add_parser("load", help="bring images into clusters")
    load.add_argument("names", nargs="+", metavar="NAME")
    load.add_argument("--archive", action="append", default=[], type=Path, help="a docker-save archive")
    load.add_argument("--made", action="append", default=[], help="an image for proofs that the lab makes itself")
    load.add_argument("--image", action="append", default=[], help="an image of the container engine")
    plane = commands.add_parser(
        "serve", help="run a control plane without nodes until stopped: etcd, API server, controllers"
    )
    plane.add_argument("name", nargs="?", default="plane", metavar="NAME")
    commands.add_parser("env", help='print lines for the shell: eval "$(lab env)"')
    kubectl = commands.add_parser(
        "kubectl", help="run kubectl on the lab's clusters: lab kubectl -- --context kind-hub ..."
    )
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    soak = commands.add_parser(
        "soak", help="watch whether a cluster's Services answer while kube-proxy is restarted over and over"
    )
    soak.add_argument("name", metavar="NAME")
    soak.add_argument("--minutes", type=int, default=120, help="how long, one round a minute (default 120)")
    soak.add_argument("--restarts", type=int, default=20, help="restarts of kube-proxy in that time (default 20)")
    soak.add_argument("--log", type=Path, help="default: soak-NAME.log in the lab's folder logs")
    commands.add_parser("probe", help="find out again whether images can be pulled")
    clean = commands.add_parser("clean", help="remove all that was built; clusters must be down")
    clean.add_argument("--old", action="store_true", help="only what the current pins do not name")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 1 for what the reader can mend, 130 when stopped by hand."""
    arguments = parser().parse_args(argv)
    try:
        return Session().run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: stopped; the same command goes on from here", file=sys.stderr)
        return 130
