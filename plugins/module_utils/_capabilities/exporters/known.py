# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pinned releases of the exporters can be asked for: collectors and flags, and kinds of objects. Pure.

The sources of both say it; tests/integration/test_exporters.py compares it with the programs.
"""

from __future__ import annotations

import typing as t


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Collectors of node_exporter on Linux that work in a pod without capabilities. Left out: those that need more (perf,
# slabinfo), D-Bus (logind, systemd) or a service of their own (ntp, runit, supervisord).
COLLECTORS: frozenset[str] = _words(
    "arp bcache bcachefs bonding btrfs buddyinfo cgroups conntrack cpu cpu_vulnerabilities cpufreq diskstats dmi "
    "dmmultipath drbd drm edac entropy ethtool fibrechannel filefd filesystem hwmon infiniband interrupts ipvs "
    "kernel_hung ksmd lnstat loadavg mdadm meminfo meminfo_numa mountstats netclass netdev netstat network_route "
    "nfs nfsd nvme nvmesubsystem os pcidevice powersupplyclass pressure processes qdisc rapl schedstat selinux "
    "sockstat softirqs softnet stat swap sysctl tapestats tcpstat textfile thermal_zone time timex udp_queues "
    "uname vmstat watchdog wifi xfrm xfs zfs zoneinfo"
)

# What may be included or excluded, by a regular expression: the flags --collector.<name>-include and -exclude.
_CHOSEN = _words(
    "arp.device diskstats.device ethtool.device filesystem.fs-types filesystem.mount-points hwmon.chip hwmon.sensor "
    "infiniband.device interrupts.name netdev.device qdisc.device"
)
# Other flags whose value is a regular expression.
_OTHER = _words(
    "cpu.info.bugs-include cpu.info.flags-include ethtool.metrics-include netclass.ignored-devices netstat.fields "
    "powersupply.ignored-supplies tapestats.ignored-devices vmstat.fields"
)
INCLUDE, EXCLUDE = "-include", "-exclude"
ARGUMENTS: frozenset[str] = frozenset(
    f"collector.{name}" for name in (*(f"{one}{end}" for one in _CHOSEN for end in (INCLUDE, EXCLUDE)), *_OTHER)
)
# File systems and interfaces of single pods say nothing about the node, and there are new ones with each pod.
DEFAULT_ARGUMENTS: t.Mapping[str, str] = {
    "collector.filesystem.mount-points-exclude": (
        "^/(dev|proc|sys|run/(containerd|credentials|k3s/containerd|netns|user)/.+|"
        "var/lib/(containerd|containers/storage|docker|kubelet/(pods|plugins))/.+)($|/)"
    ),
    "collector.netclass.ignored-devices": "^(cali|cilium_|lxc|veth).*$",
    "collector.netdev.device-exclude": "^(cali|cilium_|lxc|veth).*$",
}

# The kinds of objects that kube-state-metrics has metrics of, by API group: its flag --resources.
_OBJECTS: t.Mapping[str, str] = {
    "": (
        "configmaps endpoints limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods "
        "replicationcontrollers resourcequotas secrets serviceaccounts services"
    ),
    "admissionregistration.k8s.io": "mutatingwebhookconfigurations validatingwebhookconfigurations",
    "apps": "daemonsets deployments replicasets statefulsets",
    "autoscaling": "horizontalpodautoscalers",
    "batch": "cronjobs jobs",
    "certificates.k8s.io": "certificatesigningrequests",
    "coordination.k8s.io": "leases",
    "discovery.k8s.io": "endpointslices",
    "networking.k8s.io": "ingressclasses ingresses networkpolicies",
    "policy": "poddisruptionbudgets",
    "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
    "storage.k8s.io": "storageclasses volumeattachments",
}
GROUPS: t.Mapping[str, str] = {name: group for group, names in _OBJECTS.items() for name in _words(names)}
# What workloads, nodes and volumes are made of. Not Secrets and ConfigMaps: who may list them reads them all.
DEFAULT_OBJECTS: tuple[str, ...] = (
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "ingresses",
    "jobs",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "poddisruptionbudgets",
    "pods",
    "replicasets",
    "resourcequotas",
    "services",
    "statefulsets",
    "storageclasses",
)
