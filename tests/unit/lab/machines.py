"""Two machines that the tests speak of."""

from __future__ import annotations

from dataclasses import replace

from promlab.machine import Machine

LAPTOP = Machine(
    root=False,
    debian=True,
    cap_sys_resource=True,
    cgroup_v2=True,
    systemd=True,
    nofile=1048576,
    nproc=-1,
    pid_max=4194304,
)
CONTAINER = replace(
    LAPTOP, root=True, cap_sys_resource=False, cgroup_v2=False, systemd=False, nofile=20000, nproc=96365, pid_max=32768
)
