# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that need to know which workloads are watched."""

    DOCUMENTATION = r"""
options:
  workloads:
    description: The workloads that are watched in this cluster, one for each team and entry.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description:
          - The id of an entry of the catalogue, such as V(coredns); the guide about workloads lists the shipped ones.
          - Or that of an entry of your own.
        type: str
        required: true
      enabled:
        description: Whether it is watched. With V(false) its monitors and rules are removed.
        type: bool
        default: true
      team:
        description: The team whose Prometheus watches it; by default the platform's own.
        type: str
      namespaces:
        description:
          - The namespaces that have the targets. By default those of the entry, and for a team its own namespaces.
          - A team can watch its own namespaces only. The platform's Prometheus gets the right to find targets in each
            of them; they must exist.
        type: list
        elements: str
      interval:
        description: How often targets are scraped.
        type: str
        default: 30s
      scrape_timeout:
        description: After how long a scrape fails.
        type: str
        default: 10s
      labels:
        description: Labels of the monitors and of the PrometheusRule, where an instance of others selects by labels.
        type: dict
        default: {}
      profile:
        description:
          - V(full) keeps all metrics of the targets.
          - V(minimal) keeps the metrics that the rules, alerts and panels of the entry read, those that verify expects,
            and those of C(reads). It is computed from them.
        type: str
        choices: [full, minimal]
        default: full
      reads:
        description: PromQL of your own rules and panels; V(minimal) keeps what it reads.
        type: list
        elements: str
        default: []
      drop:
        description: Regular expressions for whole names of metrics that are not kept.
        type: list
        elements: str
        default: []
      sample_limit:
        description:
          - How many series a target may have. A scrape with more fails as a whole; without it an alert tells of them.
        type: int
      rules:
        description: Whether the recording rules of the entry are applied.
        type: bool
        default: true
      alerts:
        description: Whether the alerts of the entry are applied.
        type: bool
        default: true
      tls_config:
        description:
          - How Prometheus checks the certificate of the targets, and which one it shows itself.
          - Secrets and ConfigMaps are named here, never their values. They are beside the monitor.
        type: dict
        suboptions:
          ca:
            description: The certificate authority of the targets; by default those that the pods of Prometheus trust.
            type: dict
            suboptions:
              secret:
                description: Name of the Secret that holds it.
                type: str
              config_map:
                description: Name of the ConfigMap that holds it, in place of a Secret.
                type: str
              key:
                description: Its key there.
                type: str
                default: ca.crt
          cert:
            description: The certificate that Prometheus shows as a client.
            type: dict
            suboptions:
              secret:
                description: Name of the Secret that holds it.
                type: str
                required: true
              cert_key:
                description: The key of the certificate there.
                type: str
                default: tls.crt
              key_key:
                description: The key of the certificate's private key there.
                type: str
                default: tls.key
          server_name:
            description: The name that the certificate must have, if it is not the address.
            type: str
          insecure_skip_verify:
            description: Take any certificate.
            type: bool
            default: false
      basic_auth:
        description: User name and password that Prometheus sends.
        type: dict
        suboptions:
          secret:
            description: Name of the Secret.
            type: str
            required: true
          username_key:
            description: The key of the user name there.
            type: str
            default: username
          password_key:
            description: The key of the password there.
            type: str
            default: password
      bearer_token:
        description: The token that Prometheus sends; not together with a password.
        type: dict
        suboptions:
          secret:
            description: Name of the Secret.
            type: str
            required: true
          key:
            description: The key of the token there.
            type: str
            default: token
      parts:
        description:
          - What is different from the entry, by the name of a part, such as V(operator). A part without a name has the
            id of the entry.
          - Each may have C(enabled), C(selector), C(port), C(path), C(scheme) and C(budget), as in an entry.
        type: dict
        default: {}
  entries:
    description: Entries of your own, the text of each file by its name.
    type: dict
    default: {}
  shipped:
    description: The entries of the collection, the text of each file by its name.
    type: dict
    default: {}
  common_alerts:
    description: Alerts that every part of a workload has.
    type: list
    elements: dict
    default: []
"""
