#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: team_monitoring
short_description: Give each team its own isolated monitoring instance
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Each team that is switched on gets a namespace that the platform owns, with accounts, quota, network policy,
    Prometheus, Alertmanager, monitors and base rules, each part by a flag.
  - The team's own namespaces are selected by a label; there the team keeps its monitors and rules.
  - One task handles all teams of a cluster. Objects that a former run made and that are no longer desired are deleted;
    for a team that is no longer listed this requires O(prune).
  - A run that creates a Prometheus or an Alertmanager is refused, before anything is written, if an operator that this
    collection did not install would reconcile it.
options:
  base_rules:
    description: Groups of rules that every instance gets, as in a C(PrometheusRule).
    type: list
    elements: dict
    default: []
  writes:
    description:
      - What M(promfleet.monitoring.federation_writes) returned, the ends to which instances send their series, and how
        their sidecars serve others.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The team whose Prometheus it is.
        type: str
        required: true
      remote_write:
        description: The list C(spec.remoteWrite) of that Prometheus.
        type: list
        elements: dict
        default: []
      sidecar:
        description:
          - How the Thanos sidecar of that Prometheus serves the central side. With it the Prometheus has one, also
            where the team asks for none.
        type: dict
        suboptions:
          certificate:
            description:
              - The sidecar's certificate and key, in a Secret of the instance's namespace on this cluster. A new one is
                read without a restart.
            type: dict
            required: true
            suboptions:
              secret:
                description: Name of the Secret.
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
          client_ca:
            description:
              - The authority of the clients' certificates, in the instance's namespace on this cluster. It is read when
                the sidecar starts.
            type: dict
            required: true
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
  receiving:
    description:
      - The teams whose Prometheus on this cluster takes what others write by remote_write. It is a flag of Prometheus,
        so a change restarts its pods one after the other.
    type: list
    elements: str
    default: []
  querying:
    description:
      - The teams that have a Thanos Query on this cluster, for sources of other clusters with C(transport=thanos). The
        quota of the instance's namespace gets room for its pods, and a network policy lets in who may look at the
        team's Prometheus.
    type: list
    elements: str
    default: []
  grafanas:
    description:
      - The entries of O(promfleet.monitoring.monitoring_grafana#module:team_grafanas). The quota of the instance's
        namespace gets room for the Grafana, by C(team) and C(resources) of the entry.
    type: list
    elements: dict
    default: []
  api_server_sources:
    description:
      - Where the API server's requests to pods come from on this cluster, so that the network policies of the instances
        let them in. M(promfleet.monitoring.monitoring_verify) reaches Prometheus through the API server.
      - Needed where network policies are enforced. By default they let in no API server that is on another node.
      - Each entry has O(api_server_sources[].cidr) or O(api_server_sources[].namespace).
    type: list
    elements: dict
    default: []
    suboptions:
      cidr:
        description: A range of addresses of the API server, such as C(10.0.0.5/32).
        type: str
      namespace:
        description: The namespace of pods through which the API server comes, such as those of konnectivity-agent.
        type: str
      pod_labels:
        description: The labels of these pods; by default all pods of the namespace are let in.
        type: dict
        default: {}
  rules_contents:
    description:
      - What the files are that O(teams[].rules_files) name. The action plugin of this collection reads them on the
        control host and gives them to the module; do not set it.
    type: dict
  promtool:
    description:
      - The path of C(promtool), Prometheus' own program, which judges the teams' rules before anything is written.
      - By default the one in PATH; without any, the Python library promql-parser judges them, which knows expressions
        alone.
    type: path
  egress:
    description:
      - What the pods of all instances on this cluster may connect to.
      - The addresses belong to a cluster.
    type: dict
    default: {}
    suboptions:
      prometheus:
        description: Further destinations of every Prometheus.
        type: list
        elements: dict
        default: []
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: TCP ports; by default all.
            type: list
            elements: int
            default: []
      alertmanager:
        description: Further destinations of every Alertmanager.
        type: list
        elements: dict
        default: []
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: TCP ports; by default all.
            type: list
            elements: int
            default: []
      api_server:
        description: The addresses of the API server, with its ports. By default they are read from the cluster.
        type: list
        elements: dict
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: TCP ports; required here.
            type: list
            elements: int
            default: []
      dns:
        description: The cluster's DNS. By default the pods C(k8s-app=kube-dns) in C(kube-system), and 169.254.20.10.
        type: list
        elements: dict
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: Ports, for TCP and UDP; by default 53.
            type: list
            elements: int
            default: []
      nodes:
        description:
          - The ranges that only the platform's Prometheus may reach, at all ports. By default all private ones.
        type: list
        elements: str
      ranges:
        description:
          - Ranges of pods, Services and nodes of this cluster that are not private. No Alertmanager may connect to
            them.
          - Where none is of IPv6, no Alertmanager may connect to public addresses of IPv6.
        type: list
        elements: str
        default: []
  default_receivers:
    description:
      - The receivers of each team that gives none, and of the platform.
      - C({team}) and C({cluster}) in a text are replaced by the names, so that each team has a channel of its own.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the receiver, by which routes name it.
        type: str
        required: true
      send_resolved:
        description: Whether the receiver is notified of resolved alerts.
        type: bool
        default: true
      proxy_url:
        description: The URL of a forward proxy for all that the receiver notifies by HTTP.
        type: str
      webhook:
        description: A webhook.
        type: dict
        suboptions:
          url:
            description: The URL, without a password, a query or a fragment. Either this or C(url_secret) is required.
            type: str
          url_secret:
            description: The Secret that holds the URL, for one that contains a credential.
            type: dict
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the URL.
                type: str
                default: url
          bearer_token:
            description: The Secret that holds a bearer token.
            type: dict
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the token.
                type: str
                default: token
          basic_auth:
            description: The Secret that holds a user name and a password.
            type: dict
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              username_key:
                description: The key of the Secret that holds the user name.
                type: str
                default: username
              password_key:
                description: The key of the Secret that holds the password.
                type: str
                default: password
          max_alerts:
            description: The largest number of alerts in one message; by default all.
            type: int
      slack:
        description: A Slack channel.
        type: dict
        suboptions:
          api_url:
            description: The Secret that holds the URL of Slack's incoming webhook.
            type: dict
            required: true
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the URL.
                type: str
                default: url
          channel:
            description: The channel.
            type: str
          title:
            description: A template for the title.
            type: str
          text:
            description: A template for the text.
            type: str
      pagerduty:
        description: A PagerDuty service, by its Events API version 2.
        type: dict
        suboptions:
          routing_key:
            description: The Secret that holds the integration key.
            type: dict
            required: true
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the integration key.
                type: str
                default: routing-key
          severity:
            description: A template for the severity.
            type: str
          description:
            description: A template for the description.
            type: str
      opsgenie:
        description: An Opsgenie integration.
        type: dict
        suboptions:
          api_key:
            description: The Secret that holds the API key.
            type: dict
            required: true
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the API key.
                type: str
                default: api-key
          api_url:
            description: The URL of the API, for another region.
            type: str
          title:
            description: A template for the title of the alert.
            type: str
          priority:
            description: The priority, P1 to P5, or a template.
            type: str
      email:
        description: A mailbox.
        type: dict
        suboptions:
          to:
            description: The address that mail is sent to.
            type: str
            required: true
          from:
            description: The address that mail is sent from.
            type: str
            required: true
          smarthost:
            description: The mail server and its port, such as C(mail.example.com:587).
            type: str
            required: true
          hello:
            description: The name that Alertmanager gives the mail server.
            type: str
          auth_username:
            description: The user name at the mail server.
            type: str
          auth_password:
            description: The Secret that holds the password at the mail server.
            type: dict
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the password.
                type: str
                default: password
          require_tls:
            description: Whether mail is sent only by TLS.
            type: bool
            default: true
      msteams:
        description: A channel of Microsoft Teams, by a workflow.
        type: dict
        suboptions:
          webhook_url:
            description: The Secret that holds the workflow's URL.
            type: dict
            required: true
            suboptions:
              secret:
                description: The name of a Secret in the namespace of the instance.
                type: str
                required: true
              key:
                description: The key of the Secret that holds the URL.
                type: str
                default: url
          title:
            description: A template for the title.
            type: str
          text:
            description: A template for the text.
            type: str
  default_route:
    description: To which of these receivers alerts go. By default all go to the only receiver.
    type: dict
    default: {}
    suboptions:
      receiver:
        description: The receiver of all alerts that no route below takes. Required where there are several receivers.
        type: str
      group_by:
        description:
          - The labels by which alerts are grouped into one notification; by default C(alertname) and C(namespace).
        type: list
        elements: str
      group_wait:
        description: How long to wait for further alerts before the first notification of a group.
        type: str
      group_interval:
        description: How long to wait before a notification of new alerts in a group.
        type: str
      repeat_interval:
        description: How long to wait before a notification is repeated.
        type: str
      routes:
        description: Routes to other receivers; the first one whose matchers fit takes the alert.
        type: list
        elements: dict
        default: []
        suboptions:
          receiver:
            description: The receiver.
            type: str
            required: true
          matchers:
            description: 'What the labels of an alert must be, such as C(severity="critical"); all must fit.'
            type: list
            elements: str
            required: true
          continue:
            description: Whether later routes are tried as well.
            type: bool
            default: false
          group_by:
            description: The labels by which alerts are grouped into one notification; by default as above.
            type: list
            elements: str
          group_wait:
            description: How long to wait for further alerts before the first notification of a group.
            type: str
          group_interval:
            description: How long to wait before a notification of new alerts in a group.
            type: str
          repeat_interval:
            description: How long to wait before a notification is repeated.
            type: str
  only:
    description:
      - The names of the teams to which the run is limited. The objects of all others stay as they are, and the run says
        so.
      - By default a run handles all teams.
    type: list
    elements: str
    default: []
  prune:
    description: Whether the objects of teams that are no longer listed may be removed. Without it such a run is
      refused before the first write.
    type: bool
    default: false
  prune_max_percent:
    description: The largest percentage of the set's objects that may be deleted for teams that are no longer listed.
    type: int
    default: 50
  remove_volume_claims:
    description: Whether the volume claims of removed instances are deleted too, with the data in them.
    type: bool
    default: false
  operators:
    description:
      - How many operators share the instances of the cluster, from 1 to 9, as for
        O(promfleet.monitoring.prometheus_operator#module:operators). Each Prometheus, PrometheusAgent and Alertmanager
        gets the annotation C(operator.prometheus.io/controller-id) of the one that has its team.
      - >-
        Instances that exist change their operator only while the one that loses them is stopped; a warning names them
        and it, in check mode too. Refused where no running operator has the id that an instance would get.
      - With V(0) there is a single operator, and instances have no such annotation.
    type: int
    default: 0
  replaced_operators:
    description:
      - >-
        Operators of others that M(promfleet.monitoring.prometheus_operator) replaces in the same run, each as
        C(namespace/name) of its Deployment. In check mode they count as stopped.
    type: list
    elements: str
    default: []

  state:
    description:
      - V(present) brings all teams to their wanted state.
      - V(absent) removes all that this module made; volume claims, and namespaces with objects of others, stay.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: Two teams
  promfleet.monitoring.team_monitoring:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - name: payments
        namespaces: [payments]
        size: medium
      - name: search
        namespaces: [search, search-batch]
        alertmanager:
          enabled: false
"""

RETURN = r"""
---
counts:
  description: The number of objects for each action, and of those that are unchanged.
  returned: when the cluster was asked
  type: dict
  sample: {created: 12, updated: 0, replaced: 0, deleted: 0, released: 0, unchanged: 31}
objects:
  description:
    - The changed objects, in check mode those that would change; an entry has C(action), C(kind), C(namespace),
      C(name) and for updates C(fields), also for objects that are released and get back what they had.
    - C(local) marks a prediction for which the server could not be asked, because the run itself first makes
      the namespace or the CRD.
  returned: when the cluster was asked
  type: list
  elements: dict
  sample:
    - {action: created, kind: Prometheus, namespace: monitoring-payments, name: payments}
failures:
  description: The objects that could not be applied, each with its message; conflicts name fields and managers.
  returned: when there are any
  type: list
  elements: dict
  sample:
    - kind: ConfigMap
      namespace: monitoring-payments
      name: settings
      message: 'other managers own fields of it: .data.a (owned by "kubectl-edit")'
      conflicts: [{field: .data.a, manager: kubectl-edit}]
truncated:
  description: How many changed objects RV(objects) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
audit:
  description: The number and the digest of the entry in the audit trail.
  returned: when something was changed and O(audit.enabled) is V(true)
  type: dict
  sample: {number: 42, digest: 3b1f0c1d9a}
rules_judged_by:
  description: What judged the teams' own rules, C(promtool) with its version or C(promql-parser).
  returned: when teams have rules
  type: str
  sample: promtool 3.13.5
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(TEAMS)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
