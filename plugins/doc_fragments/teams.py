# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that need to know the fleet's teams."""

    DOCUMENTATION = r"""
options:
  teams:
    description: The teams.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The team's name, a DNS label.
        type: str
        required: true
      enabled:
        description: The feature flag. A team that is switched off keeps its namespaces and its volume claims,
          nothing else.
        type: bool
        default: true
      state:
        description:
          - V(active) runs the instance.
          - V(paused) lets the operator change nothing of it; its pods go on.
          - V(archived) stops its pods and keeps its volume claims, with a label that says since when. Back to
            V(active) the same claims are used. Federation leaves out an archived instance.
        type: str
        choices: [active, paused, archived]
        default: active
      archive_may_lose:
        description: Parts whose data may be lost when the instance is archived. Without it a part without volume claims
          is an error, and so are claims that would be deleted.
        type: list
        elements: str
        choices: [alertmanager, prometheus]
        default: []
      clusters:
        description: The clusters in which the team has its instance; by default all.
        type: list
        elements: str
        default: []
      namespace:
        description: The namespace of the instance, owned by the platform; by default O(namespace_prefix) and
          the team's name.
        type: str
      namespaces:
        description: The team's own namespaces, whose workloads, monitors and rules the instance sees. They get
          the team's label, and are made where they do not exist.
        type: list
        elements: str
        default: []
      groups:
        description: Groups of people, as Kubernetes' authentication names them, who may edit monitors and rules
          in the team's namespaces and look at the instance.
        type: list
        elements: str
        default: []
      size:
        description: How large the instance is, V(small), V(medium), V(large) or one of O(sizes).
        type: str
        default: small
      weight:
        description: How much work the team's instances are for their operator, compared with others, from 1 to 1000.
          It counts where several operators share the instances.
        type: int
        default: 1
      labels:
        description: Further external labels of the team's Prometheus.
        type: dict
        default: {}
      rbac:
        description: Whether the accounts and rights of people and instances are made.
        type: bool
        default: true
      quota:
        description: Whether the instance's namespace gets a quota and defaults for containers, and the team's own
          namespaces a limit to the number of their objects.
        type: bool
        default: true
      network_policy:
        description: Whether network policies close the instance's namespace, and open what its parts need.
        type: bool
        default: true
      base_rules:
        description: Whether the platform's base rules are installed.
        type: bool
        default: true
      image_registry:
        description:
          - Where the images of Prometheus, Alertmanager and the Thanos sidecar come from, such as
            C(registry.example.com/mirror). It replaces the registry of their upstream names.
          - By default the operator decides; the image of the config reloader always is the operator's.
        type: str
      image_pull_secrets:
        description: The names of Secrets in the instance's namespace with the credentials for that registry; by
          default those of the fleet.
        type: list
        elements: str
      run_as:
        description:
          - V(fixed) runs the pods as user 1000, with group 2000 for their volumes. V(platform) names no user and no
            group, for platforms that choose both (OpenShift).
          - By default as for the fleet.
        type: str
      cluster_groups:
        description: >-
          Groups of the inventory: the team is in each cluster that is in one of them.
        type: list
        elements: str
        default: []
      cluster_labels:
        description: >-
          Labels of clusters: the team is in each cluster that has all of them.
        type: dict
        default: {}
      rules:
        description: Rules of the team, one C(PrometheusRule) for each entry. In a playbook mark templates of
          Prometheus with C(!unsafe).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the object.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
          groups:
            description: Groups of rules, as in a file of rules for Prometheus.
            type: list
            elements: dict
            required: true
      rules_files:
        description: >-
          Files of rules on the control host, read literally: templates in them stay. Each becomes a C(PrometheusRule)
          that is called after the file.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description:
              - The path of a file, or a pattern with wildcards. Files may be encrypted with vault.
              - A relative path is looked for in the folder of the inventory, in the folder C(files) beside the
                playbook, beside the playbook, and where Ansible was started.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
      monitors:
        description: Monitors of the team.
        type: list
        elements: dict
        default: []
        suboptions:
          kind:
            description: The kind of the object.
            type: str
            choices: [PodMonitor, Probe, ServiceMonitor]
            default: ServiceMonitor
          name:
            description: Its name.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
          spec:
            description: Its spec, as in the custom resource.
            type: dict
            required: true
      overrides:
        description:
          - What is different in some clusters. Mappings are merged key by key; lists and other values replace; a
            later entry is laid over an earlier one.
          - The result is checked for each cluster. The name, the namespaces and the people of a team are the same
            everywhere.
        type: list
        elements: dict
        default: []
        suboptions:
          clusters:
            description: The clusters in which the entry counts.
            type: list
            elements: str
            default: []
          cluster_groups:
            description: Groups of the inventory in whose clusters the entry counts.
            type: list
            elements: str
            default: []
          cluster_labels:
            description: Labels of the clusters in which the entry counts; a cluster must have all of them.
            type: dict
            default: {}
          enabled:
            description: Whether the team has an instance there.
            type: bool
          state:
            description: Whether the instance runs there, is paused, or archived.
            type: str
            choices: [active, paused, archived]
          archive_may_lose:
            description: Parts whose data may be lost there when the instance is archived.
            type: list
            elements: str
            choices: [alertmanager, prometheus]
          size:
            description: How large the instance is there.
            type: str
          weight:
            description: How much work the team's instances are for their operator there.
            type: int
          labels:
            description: External labels there.
            type: dict
          quota:
            description: Whether the instance's namespace gets a quota there.
            type: bool
          network_policy:
            description: Whether the instance is guarded by a network policy there.
            type: bool
          base_rules:
            description: Whether the instance gets the base rules there.
            type: bool
          image_registry:
            description: Where images come from there.
            type: str
          image_pull_secrets:
            description: The names of Secrets with the credentials for that registry.
            type: list
            elements: str
          run_as:
            description: As whom the pods run there.
            type: str
          prometheus:
            description: Options of the team's Prometheus that differ there.
            type: dict
          alertmanager:
            description: Options of the team's Alertmanager that differ there.
            type: dict
      users:
        description: Users who have the rights of C(groups).
        type: list
        elements: str
        default: []
      service_accounts:
        description: ServiceAccounts that have the rights of C(groups), each as C(namespace/name).
        type: list
        elements: str
        default: []
      scrape_configs:
        description:
          - Whether the people may write ScrapeConfigs, and the instance selects them in the namespaces of the team. A
            ScrapeConfig names any target that the instance can reach.
        type: bool
        default: false
      namespace_selector:
        description:
          - Labels of namespaces that belong to the team too. A run finds them, and gives them the team's label; it
            never makes or deletes one of them.
          - >-
            Choose labels that only the platform can set, because they decide which namespaces join the team.
        type: dict
        default: {}
      object_limits:
        description:
          - How many objects of a kind each of the namespaces of the team may hold, as a ResourceQuota. C(quota)
            switches it off.
        type: dict
        default: {}
        suboptions:
          alertmanagerconfigs:
            description: The largest number of alertmanagerconfigs.
            type: int
            default: 20
          podmonitors:
            description: The largest number of podmonitors.
            type: int
            default: 100
          probes:
            description: The largest number of probes.
            type: int
            default: 100
          prometheusrules:
            description: The largest number of prometheusrules.
            type: int
            default: 100
          scrapeconfigs:
            description: The largest number of scrapeconfigs.
            type: int
            default: 20
          servicemonitors:
            description: The largest number of servicemonitors.
            type: int
            default: 100
      egress:
        description:
          - What the pods of the instance may connect to, beside what those of every team may. Needs
            C(network_policy).
        type: dict
        default: {}
        suboptions:
          prometheus:
            description: Further destinations of Prometheus.
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
            description: Further destinations of Alertmanager, such as a forward proxy.
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
          public:
            description: Whether Alertmanager may connect to public addresses.
            type: bool
            default: true
      prometheus:
        description: The team's Prometheus.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Prometheus is wanted.
            type: bool
            default: true
          name:
            description:
              - The name of the custom resource, by default the team's. With that of a Prometheus which exists in
                the instance's namespace that one becomes the team's, with its StatefulSet and its volume claims.
              - Another name is another instance. The former one is removed, and its volume claims stay.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long samples are kept, as a Prometheus duration.
            type: str
            default: 10d
          scrape_interval:
            description: How often targets are scraped.
            type: str
            default: 30s
          evaluation_interval:
            description: How often rules are evaluated.
            type: str
            default: 30s
          version:
            description: The release of Prometheus.
            type: str
            default: 3.13.5
          enforce_tenancy:
            description: Whether monitors reach only their own namespace, every series and rule gets that
              namespace as its label, and monitors may name no files.
            type: bool
            default: true
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
          retention_size:
            description:
              - How much data is kept at most, as a Kubernetes quantity; by default as much as there is within the
                retention.
              - At most 85 % of the volume claim, because a compaction needs space of its own. V(auto) is exactly
                that.
            type: str
          shards:
            description:
              - How many Prometheus share the targets, each with all replicas; by default 1.
              - Each shard has only the series of its own targets, so a federation or a data source that reads one of
                them sees a part. Fewer shards than before lose the data of those that are removed.
            type: int
          wal_compression:
            description: Whether the write-ahead log is compressed; by default what Prometheus does.
            type: bool
          enable_features:
            description: Feature flags of Prometheus. docs/team-fields.md lists those that are allowed, and why
              others are not.
            type: list
            elements: str
            default: []
          limits:
            description: What a scrape may bring at most. A monitor cannot have higher limits; a scrape with more
              fails as a whole.
            type: dict
            suboptions:
              samples:
                description: Samples of a scrape, after relabeling.
                type: int
              targets:
                description: Targets of a monitor.
                type: int
              labels:
                description: Labels of a series.
                type: int
              label_name_length:
                description: Bytes of the name of a label.
                type: int
              label_value_length:
                description: Bytes of the value of a label.
                type: int
              dropped_targets:
                description: Targets of a job that relabeling dropped and that are kept in memory.
                type: int
              body_size:
                description: The size of an answer before compression, such as V(20MB).
                type: str
          query:
            description: What queries may take.
            type: dict
            suboptions:
              max_concurrency:
                description: Queries at the same time.
                type: int
              max_samples:
                description: Samples that one query may have in memory.
                type: int
              timeout:
                description: How long a query may take.
                type: str
              lookback_delta:
                description: How old the newest sample of a series may be; federation gives samples of this age too.
                type: str
          web:
            description: The pages.
            type: dict
            suboptions:
              external_url:
                description: The URL at which people open the pages, through a gateway or proxy that authenticates
                  them. Links in alerts begin with it.
                type: str
              route_prefix:
                description: The path below which the program itself answers, for a gateway that does not remove it;
                  by default C(/).
                type: str
              gateway:
                description: >-
                  The gateway or proxy through which people come: the network policy lets its pods open the pages.
                type: dict
                suboptions:
                  namespace:
                    description: The namespace of its pods.
                    type: str
                    required: true
                  pod_labels:
                    description: The labels of its pods; by default all pods of the namespace are let in.
                    type: dict
                    default: {}
          scheduling:
            description: On which nodes the pods run. Lists and mappings are as in the spec of a pod.
            type: dict
            suboptions:
              node_selector:
                description: Labels that a node must have, beside that of Linux.
                type: dict
                default: {}
              tolerations:
                description: Taints that the pods tolerate.
                type: list
                elements: dict
                default: []
              affinity:
                description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
                type: dict
                default: {}
              topology_spread:
                description:
                  - How the pods are spread, without the label selector, which always is that of the part's own pods.
                  - By default replicas are spread over nodes where that is possible. An empty list spreads them by no
                    rule.
                type: list
                elements: dict
              priority_class:
                description: The PriorityClass of the pods.
                type: str
              disruption_budget:
                description: Whether two or more replicas get a PodDisruptionBudget, so that draining nodes stops one
                  at a time.
                type: bool
                default: true
              termination_grace_seconds:
                description: How many seconds a pod has to end; by default the operator's (600 for Prometheus, 120 for
                  Alertmanager).
                type: int
          mode:
            description:
              - V(server) keeps samples, answers queries and evaluates rules.
              - >-
                V(agent) makes a C(PrometheusAgent), which only sends what it scrapes: it needs C(remote_write), has
                no rules and no Alertmanager, and cannot be read by federation.
            type: str
            choices: [server, agent]
            default: server
          remote_write:
            description: Ends to which the instance sends all its series, beside those that federation gives it.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: A name for the end, which metrics of Prometheus have as a label.
                type: str
                required: true
              url:
                description: Where it receives.
                type: str
                required: true
              headers:
                description: HTTP headers, such as C(X-Scope-OrgID). Those that hold credentials are refused.
                type: dict
                default: {}
              write_relabel_configs:
                description: Relabelings of what is sent, as in the custom resource.
                type: list
                elements: dict
                default: []
              tls_config:
                description: How the certificate of the other side is checked, and which one is shown to it.
                type: dict
                suboptions:
                  ca:
                    description: The certificate authority of the other side; either C(secret) or C(config_map).
                    type: dict
                    suboptions:
                      secret:
                        description: The Secret that has it.
                        type: str
                      config_map:
                        description: The ConfigMap that has it.
                        type: str
                      key:
                        description: The key in it.
                        type: str
                        default: ca.crt
                  cert:
                    description: The certificate that is shown to the other side.
                    type: dict
                    suboptions:
                      secret:
                        description: The Secret that has it.
                        type: str
                        required: true
                      cert_key:
                        description: The key of the certificate.
                        type: str
                        default: tls.crt
                      key_key:
                        description: The key of the private key.
                        type: str
                        default: tls.key
                  server_name:
                    description: The name that the certificate of the other side must have.
                    type: str
                  insecure_skip_verify:
                    description: Whether any certificate is taken.
                    type: bool
                    default: false
              basic_auth:
                description: A user name and a password.
                type: dict
                suboptions:
                  secret:
                    description: The Secret that has them, in the instance's namespace.
                    type: str
                    required: true
                  username_key:
                    description: The key of the user name.
                    type: str
                    default: username
                  password_key:
                    description: The key of the password.
                    type: str
                    default: password
              bearer_token:
                description: A token.
                type: dict
                suboptions:
                  secret:
                    description: The Secret that has it, in the instance's namespace.
                    type: str
                    required: true
                  key:
                    description: The key of the token.
                    type: str
                    default: token
              timeout:
                description: How long one request may take.
                type: str
              send_exemplars:
                description: Whether exemplars are sent.
                type: bool
              send_native_histograms:
                description: Whether native histograms are sent.
                type: bool
              message_version:
                description: The version of the protocol.
                type: str
                choices: [V1.0, V2.0]
              queue:
                description: How samples wait and are sent, as C(queueConfig) of the custom resource.
                type: dict
                default: {}
          thanos:
            description: A Thanos sidecar beside each replica; by default there is none.
            type: dict
            suboptions:
              version:
                description: The release of Thanos.
                type: str
                default: 0.42.4
              object_storage:
                description: Where it uploads blocks; by default it only answers queries.
                type: dict
                suboptions:
                  secret:
                    description: The Secret with the configuration of the object store, in the instance's namespace.
                    type: str
                    required: true
                  key:
                    description: The key in it.
                    type: str
                    default: thanos.yaml
              resources:
                description: What the sidecar asks for.
                type: dict
                suboptions:
                  cpu:
                    description: The CPU request, as a Kubernetes quantity.
                    type: str
                  cpu_limit:
                    description: The CPU limit, at least the request; without it there is none.
                    type: str
                  memory:
                    description: The memory request and limit, as a Kubernetes quantity.
                    type: str
          extra_spec:
            description: More fields of the custom resource, from a list of those that are allowed. The page
              C(docs/team-fields.md) has it, and why others are refused.
            type: dict
            default: {}
      alertmanager:
        description: The team's Alertmanager.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Alertmanager is wanted.
            type: bool
            default: true
          name:
            description: The name of the custom resource, by default the team's; as for a Prometheus.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long Alertmanager keeps its data, as a Go duration.
            type: str
            default: 120h
          receivers:
            description:
              - Who is notified of the alerts of this instance, those of the base rules among them.
              - An empty list means none; by default those of all teams are used.
              - C({team}) and C({cluster}) in a text are replaced by the names.
            type: list
            elements: dict
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
                    description:
                      - The URL, without a password, a query or a fragment. Either this or C(url_secret) is
                        required.
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
          route:
            description: To which receiver alerts go. By default all go to the only receiver.
            type: dict
            suboptions:
              receiver:
                description:
                  - The receiver of all alerts that no route below takes. Required where there are several
                    receivers.
                type: str
              group_by:
                description:
                  - The labels by which alerts are grouped into one notification; by default C(alertname) and
                    C(namespace).
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
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
          web:
            description: The pages.
            type: dict
            suboptions:
              external_url:
                description: The URL at which people open the pages, through a gateway or proxy that authenticates
                  them. Links in alerts begin with it.
                type: str
              route_prefix:
                description: The path below which the program itself answers, for a gateway that does not remove it;
                  by default C(/).
                type: str
              gateway:
                description: >-
                  The gateway or proxy through which people come: the network policy lets its pods open the pages.
                type: dict
                suboptions:
                  namespace:
                    description: The namespace of its pods.
                    type: str
                    required: true
                  pod_labels:
                    description: The labels of its pods; by default all pods of the namespace are let in.
                    type: dict
                    default: {}
          scheduling:
            description: On which nodes the pods run. Lists and mappings are as in the spec of a pod.
            type: dict
            suboptions:
              node_selector:
                description: Labels that a node must have, beside that of Linux.
                type: dict
                default: {}
              tolerations:
                description: Taints that the pods tolerate.
                type: list
                elements: dict
                default: []
              affinity:
                description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
                type: dict
                default: {}
              topology_spread:
                description:
                  - How the pods are spread, without the label selector, which always is that of the part's own pods.
                  - By default replicas are spread over nodes where that is possible. An empty list spreads them by no
                    rule.
                type: list
                elements: dict
              priority_class:
                description: The PriorityClass of the pods.
                type: str
              disruption_budget:
                description: Whether two or more replicas get a PodDisruptionBudget, so that draining nodes stops one
                  at a time.
                type: bool
                default: true
              termination_grace_seconds:
                description: How many seconds a pod has to end; by default the operator's (600 for Prometheus, 120 for
                  Alertmanager).
                type: int
          extra_spec:
            description: More fields of the custom resource, from a list of those that are allowed. The page
              C(docs/team-fields.md) has it, and why others are refused.
            type: dict
            default: {}
  platform:
    description: What differs from the defaults in the platform's own instance.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: The feature flag. A team that is switched off keeps its namespaces and its volume claims,
          nothing else.
        type: bool
        default: true
      state:
        description:
          - V(active) runs the instance.
          - V(paused) lets the operator change nothing of it; its pods go on.
          - V(archived) stops its pods and keeps its volume claims, with a label that says since when. Back to
            V(active) the same claims are used. Federation leaves out an archived instance.
        type: str
        choices: [active, paused, archived]
        default: active
      archive_may_lose:
        description: Parts whose data may be lost when the instance is archived. Without it a part without volume claims
          is an error, and so are claims that would be deleted.
        type: list
        elements: str
        choices: [alertmanager, prometheus]
        default: []
      clusters:
        description: The clusters in which the team has its instance; by default all.
        type: list
        elements: str
        default: []
      namespace:
        description: The namespace of the instance, owned by the platform; by default O(namespace_prefix) and
          the team's name.
        type: str
      namespaces:
        description: The team's own namespaces, whose workloads, monitors and rules the instance sees. They get
          the team's label, and are made where they do not exist.
        type: list
        elements: str
        default: []
      groups:
        description: Groups of people, as Kubernetes' authentication names them, who may edit monitors and rules
          in the team's namespaces and look at the instance.
        type: list
        elements: str
        default: []
      size:
        description: How large the instance is, V(small), V(medium), V(large) or one of O(sizes).
        type: str
        default: small
      weight:
        description: How much work the team's instances are for their operator, compared with others, from 1 to 1000.
          It counts where several operators share the instances.
        type: int
        default: 1
      labels:
        description: Further external labels of the team's Prometheus.
        type: dict
        default: {}
      rbac:
        description: Whether the accounts and rights of people and instances are made.
        type: bool
        default: true
      quota:
        description: Whether the instance's namespace gets a quota and defaults for containers, and the team's own
          namespaces a limit to the number of their objects.
        type: bool
        default: true
      network_policy:
        description: Whether network policies close the instance's namespace, and open what its parts need.
        type: bool
        default: true
      base_rules:
        description: Whether the platform's base rules are installed.
        type: bool
        default: true
      image_registry:
        description:
          - Where the images of Prometheus, Alertmanager and the Thanos sidecar come from, such as
            C(registry.example.com/mirror). It replaces the registry of their upstream names.
          - By default the operator decides; the image of the config reloader always is the operator's.
        type: str
      image_pull_secrets:
        description: The names of Secrets in the instance's namespace with the credentials for that registry; by
          default those of the fleet.
        type: list
        elements: str
      run_as:
        description:
          - V(fixed) runs the pods as user 1000, with group 2000 for their volumes. V(platform) names no user and no
            group, for platforms that choose both (OpenShift).
          - By default as for the fleet.
        type: str
      cluster_groups:
        description: >-
          Groups of the inventory: the team is in each cluster that is in one of them.
        type: list
        elements: str
        default: []
      cluster_labels:
        description: >-
          Labels of clusters: the team is in each cluster that has all of them.
        type: dict
        default: {}
      rules:
        description: Rules of the team, one C(PrometheusRule) for each entry. In a playbook mark templates of
          Prometheus with C(!unsafe).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the object.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
          groups:
            description: Groups of rules, as in a file of rules for Prometheus.
            type: list
            elements: dict
            required: true
      rules_files:
        description: >-
          Files of rules on the control host, read literally: templates in them stay. Each becomes a C(PrometheusRule)
          that is called after the file.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description:
              - The path of a file, or a pattern with wildcards. Files may be encrypted with vault.
              - A relative path is looked for in the folder of the inventory, in the folder C(files) beside the
                playbook, beside the playbook, and where Ansible was started.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
      monitors:
        description: Monitors of the team.
        type: list
        elements: dict
        default: []
        suboptions:
          kind:
            description: The kind of the object.
            type: str
            choices: [PodMonitor, Probe, ServiceMonitor]
            default: ServiceMonitor
          name:
            description: Its name.
            type: str
            required: true
          namespace:
            description: One of the team's own namespaces; needed where it has several.
            type: str
          spec:
            description: Its spec, as in the custom resource.
            type: dict
            required: true
      overrides:
        description:
          - What is different in some clusters. Mappings are merged key by key; lists and other values replace; a
            later entry is laid over an earlier one.
          - The result is checked for each cluster. The name, the namespaces and the people of a team are the same
            everywhere.
        type: list
        elements: dict
        default: []
        suboptions:
          clusters:
            description: The clusters in which the entry counts.
            type: list
            elements: str
            default: []
          cluster_groups:
            description: Groups of the inventory in whose clusters the entry counts.
            type: list
            elements: str
            default: []
          cluster_labels:
            description: Labels of the clusters in which the entry counts; a cluster must have all of them.
            type: dict
            default: {}
          enabled:
            description: Whether the team has an instance there.
            type: bool
          state:
            description: Whether the instance runs there, is paused, or archived.
            type: str
            choices: [active, paused, archived]
          archive_may_lose:
            description: Parts whose data may be lost there when the instance is archived.
            type: list
            elements: str
            choices: [alertmanager, prometheus]
          size:
            description: How large the instance is there.
            type: str
          weight:
            description: How much work the team's instances are for their operator there.
            type: int
          labels:
            description: External labels there.
            type: dict
          quota:
            description: Whether the instance's namespace gets a quota there.
            type: bool
          network_policy:
            description: Whether the instance is guarded by a network policy there.
            type: bool
          base_rules:
            description: Whether the instance gets the base rules there.
            type: bool
          image_registry:
            description: Where images come from there.
            type: str
          image_pull_secrets:
            description: The names of Secrets with the credentials for that registry.
            type: list
            elements: str
          run_as:
            description: As whom the pods run there.
            type: str
          prometheus:
            description: Options of the team's Prometheus that differ there.
            type: dict
          alertmanager:
            description: Options of the team's Alertmanager that differ there.
            type: dict
      users:
        description: Users who have the rights of C(groups).
        type: list
        elements: str
        default: []
      service_accounts:
        description: ServiceAccounts that have the rights of C(groups), each as C(namespace/name).
        type: list
        elements: str
        default: []
      scrape_configs:
        description:
          - Whether the people may write ScrapeConfigs, and the instance selects them in the namespaces of the team. A
            ScrapeConfig names any target that the instance can reach.
        type: bool
        default: false
      namespace_selector:
        description:
          - Labels of namespaces that belong to the team too. A run finds them, and gives them the team's label; it
            never makes or deletes one of them.
          - >-
            Choose labels that only the platform can set, because they decide which namespaces join the team.
        type: dict
        default: {}
      object_limits:
        description:
          - How many objects of a kind each of the namespaces of the team may hold, as a ResourceQuota. C(quota)
            switches it off.
        type: dict
        default: {}
        suboptions:
          alertmanagerconfigs:
            description: The largest number of alertmanagerconfigs.
            type: int
            default: 20
          podmonitors:
            description: The largest number of podmonitors.
            type: int
            default: 100
          probes:
            description: The largest number of probes.
            type: int
            default: 100
          prometheusrules:
            description: The largest number of prometheusrules.
            type: int
            default: 100
          scrapeconfigs:
            description: The largest number of scrapeconfigs.
            type: int
            default: 20
          servicemonitors:
            description: The largest number of servicemonitors.
            type: int
            default: 100
      egress:
        description:
          - What the pods of the instance may connect to, beside what those of every team may. Needs
            C(network_policy).
        type: dict
        default: {}
        suboptions:
          prometheus:
            description: Further destinations of Prometheus.
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
            description: Further destinations of Alertmanager, such as a forward proxy.
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
          public:
            description: Whether Alertmanager may connect to public addresses.
            type: bool
            default: true
      prometheus:
        description: The team's Prometheus.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Prometheus is wanted.
            type: bool
            default: true
          name:
            description:
              - The name of the custom resource, by default the team's. With that of a Prometheus which exists in
                the instance's namespace that one becomes the team's, with its StatefulSet and its volume claims.
              - Another name is another instance. The former one is removed, and its volume claims stay.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long samples are kept, as a Prometheus duration.
            type: str
            default: 10d
          scrape_interval:
            description: How often targets are scraped.
            type: str
            default: 30s
          evaluation_interval:
            description: How often rules are evaluated.
            type: str
            default: 30s
          version:
            description: The release of Prometheus.
            type: str
            default: 3.13.5
          enforce_tenancy:
            description: Whether monitors reach only their own namespace, every series and rule gets that
              namespace as its label, and monitors may name no files.
            type: bool
            default: false
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
          retention_size:
            description:
              - How much data is kept at most, as a Kubernetes quantity; by default as much as there is within the
                retention.
              - At most 85 % of the volume claim, because a compaction needs space of its own. V(auto) is exactly
                that.
            type: str
          shards:
            description:
              - How many Prometheus share the targets, each with all replicas; by default 1.
              - Each shard has only the series of its own targets, so a federation or a data source that reads one of
                them sees a part. Fewer shards than before lose the data of those that are removed.
            type: int
          wal_compression:
            description: Whether the write-ahead log is compressed; by default what Prometheus does.
            type: bool
          enable_features:
            description: Feature flags of Prometheus. docs/team-fields.md lists those that are allowed, and why
              others are not.
            type: list
            elements: str
            default: []
          limits:
            description: What a scrape may bring at most. A monitor cannot have higher limits; a scrape with more
              fails as a whole.
            type: dict
            suboptions:
              samples:
                description: Samples of a scrape, after relabeling.
                type: int
              targets:
                description: Targets of a monitor.
                type: int
              labels:
                description: Labels of a series.
                type: int
              label_name_length:
                description: Bytes of the name of a label.
                type: int
              label_value_length:
                description: Bytes of the value of a label.
                type: int
              dropped_targets:
                description: Targets of a job that relabeling dropped and that are kept in memory.
                type: int
              body_size:
                description: The size of an answer before compression, such as V(20MB).
                type: str
          query:
            description: What queries may take.
            type: dict
            suboptions:
              max_concurrency:
                description: Queries at the same time.
                type: int
              max_samples:
                description: Samples that one query may have in memory.
                type: int
              timeout:
                description: How long a query may take.
                type: str
              lookback_delta:
                description: How old the newest sample of a series may be; federation gives samples of this age too.
                type: str
          web:
            description: The pages.
            type: dict
            suboptions:
              external_url:
                description: The URL at which people open the pages, through a gateway or proxy that authenticates
                  them. Links in alerts begin with it.
                type: str
              route_prefix:
                description: The path below which the program itself answers, for a gateway that does not remove it;
                  by default C(/).
                type: str
              gateway:
                description: >-
                  The gateway or proxy through which people come: the network policy lets its pods open the pages.
                type: dict
                suboptions:
                  namespace:
                    description: The namespace of its pods.
                    type: str
                    required: true
                  pod_labels:
                    description: The labels of its pods; by default all pods of the namespace are let in.
                    type: dict
                    default: {}
          scheduling:
            description: On which nodes the pods run. Lists and mappings are as in the spec of a pod.
            type: dict
            suboptions:
              node_selector:
                description: Labels that a node must have, beside that of Linux.
                type: dict
                default: {}
              tolerations:
                description: Taints that the pods tolerate.
                type: list
                elements: dict
                default: []
              affinity:
                description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
                type: dict
                default: {}
              topology_spread:
                description:
                  - How the pods are spread, without the label selector, which always is that of the part's own pods.
                  - By default replicas are spread over nodes where that is possible. An empty list spreads them by no
                    rule.
                type: list
                elements: dict
              priority_class:
                description: The PriorityClass of the pods.
                type: str
              disruption_budget:
                description: Whether two or more replicas get a PodDisruptionBudget, so that draining nodes stops one
                  at a time.
                type: bool
                default: true
              termination_grace_seconds:
                description: How many seconds a pod has to end; by default the operator's (600 for Prometheus, 120 for
                  Alertmanager).
                type: int
          mode:
            description:
              - V(server) keeps samples, answers queries and evaluates rules.
              - >-
                V(agent) makes a C(PrometheusAgent), which only sends what it scrapes: it needs C(remote_write), has
                no rules and no Alertmanager, and cannot be read by federation.
            type: str
            choices: [server, agent]
            default: server
          remote_write:
            description: Ends to which the instance sends all its series, beside those that federation gives it.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: A name for the end, which metrics of Prometheus have as a label.
                type: str
                required: true
              url:
                description: Where it receives.
                type: str
                required: true
              headers:
                description: HTTP headers, such as C(X-Scope-OrgID). Those that hold credentials are refused.
                type: dict
                default: {}
              write_relabel_configs:
                description: Relabelings of what is sent, as in the custom resource.
                type: list
                elements: dict
                default: []
              tls_config:
                description: How the certificate of the other side is checked, and which one is shown to it.
                type: dict
                suboptions:
                  ca:
                    description: The certificate authority of the other side; either C(secret) or C(config_map).
                    type: dict
                    suboptions:
                      secret:
                        description: The Secret that has it.
                        type: str
                      config_map:
                        description: The ConfigMap that has it.
                        type: str
                      key:
                        description: The key in it.
                        type: str
                        default: ca.crt
                  cert:
                    description: The certificate that is shown to the other side.
                    type: dict
                    suboptions:
                      secret:
                        description: The Secret that has it.
                        type: str
                        required: true
                      cert_key:
                        description: The key of the certificate.
                        type: str
                        default: tls.crt
                      key_key:
                        description: The key of the private key.
                        type: str
                        default: tls.key
                  server_name:
                    description: The name that the certificate of the other side must have.
                    type: str
                  insecure_skip_verify:
                    description: Whether any certificate is taken.
                    type: bool
                    default: false
              basic_auth:
                description: A user name and a password.
                type: dict
                suboptions:
                  secret:
                    description: The Secret that has them, in the instance's namespace.
                    type: str
                    required: true
                  username_key:
                    description: The key of the user name.
                    type: str
                    default: username
                  password_key:
                    description: The key of the password.
                    type: str
                    default: password
              bearer_token:
                description: A token.
                type: dict
                suboptions:
                  secret:
                    description: The Secret that has it, in the instance's namespace.
                    type: str
                    required: true
                  key:
                    description: The key of the token.
                    type: str
                    default: token
              timeout:
                description: How long one request may take.
                type: str
              send_exemplars:
                description: Whether exemplars are sent.
                type: bool
              send_native_histograms:
                description: Whether native histograms are sent.
                type: bool
              message_version:
                description: The version of the protocol.
                type: str
                choices: [V1.0, V2.0]
              queue:
                description: How samples wait and are sent, as C(queueConfig) of the custom resource.
                type: dict
                default: {}
          thanos:
            description: A Thanos sidecar beside each replica; by default there is none.
            type: dict
            suboptions:
              version:
                description: The release of Thanos.
                type: str
                default: 0.42.4
              object_storage:
                description: Where it uploads blocks; by default it only answers queries.
                type: dict
                suboptions:
                  secret:
                    description: The Secret with the configuration of the object store, in the instance's namespace.
                    type: str
                    required: true
                  key:
                    description: The key in it.
                    type: str
                    default: thanos.yaml
              resources:
                description: What the sidecar asks for.
                type: dict
                suboptions:
                  cpu:
                    description: The CPU request, as a Kubernetes quantity.
                    type: str
                  cpu_limit:
                    description: The CPU limit, at least the request; without it there is none.
                    type: str
                  memory:
                    description: The memory request and limit, as a Kubernetes quantity.
                    type: str
          extra_spec:
            description: More fields of the custom resource, from a list of those that are allowed. The page
              C(docs/team-fields.md) has it, and why others are refused.
            type: dict
            default: {}
      alertmanager:
        description: The team's Alertmanager.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Alertmanager is wanted.
            type: bool
            default: true
          name:
            description: The name of the custom resource, by default the team's; as for a Prometheus.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long Alertmanager keeps its data, as a Go duration.
            type: str
            default: 120h
          receivers:
            description:
              - Who is notified of the alerts of this instance, those of the base rules among them.
              - An empty list means none; by default those of all teams are used.
              - C({team}) and C({cluster}) in a text are replaced by the names.
            type: list
            elements: dict
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
                    description:
                      - The URL, without a password, a query or a fragment. Either this or C(url_secret) is
                        required.
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
          route:
            description: To which receiver alerts go. By default all go to the only receiver.
            type: dict
            suboptions:
              receiver:
                description:
                  - The receiver of all alerts that no route below takes. Required where there are several
                    receivers.
                type: str
              group_by:
                description:
                  - The labels by which alerts are grouped into one notification; by default C(alertname) and
                    C(namespace).
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
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
          web:
            description: The pages.
            type: dict
            suboptions:
              external_url:
                description: The URL at which people open the pages, through a gateway or proxy that authenticates
                  them. Links in alerts begin with it.
                type: str
              route_prefix:
                description: The path below which the program itself answers, for a gateway that does not remove it;
                  by default C(/).
                type: str
              gateway:
                description: >-
                  The gateway or proxy through which people come: the network policy lets its pods open the pages.
                type: dict
                suboptions:
                  namespace:
                    description: The namespace of its pods.
                    type: str
                    required: true
                  pod_labels:
                    description: The labels of its pods; by default all pods of the namespace are let in.
                    type: dict
                    default: {}
          scheduling:
            description: On which nodes the pods run. Lists and mappings are as in the spec of a pod.
            type: dict
            suboptions:
              node_selector:
                description: Labels that a node must have, beside that of Linux.
                type: dict
                default: {}
              tolerations:
                description: Taints that the pods tolerate.
                type: list
                elements: dict
                default: []
              affinity:
                description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
                type: dict
                default: {}
              topology_spread:
                description:
                  - How the pods are spread, without the label selector, which always is that of the part's own pods.
                  - By default replicas are spread over nodes where that is possible. An empty list spreads them by no
                    rule.
                type: list
                elements: dict
              priority_class:
                description: The PriorityClass of the pods.
                type: str
              disruption_budget:
                description: Whether two or more replicas get a PodDisruptionBudget, so that draining nodes stops one
                  at a time.
                type: bool
                default: true
              termination_grace_seconds:
                description: How many seconds a pod has to end; by default the operator's (600 for Prometheus, 120 for
                  Alertmanager).
                type: int
          extra_spec:
            description: More fields of the custom resource, from a list of those that are allowed. The page
              C(docs/team-fields.md) has it, and why others are refused.
            type: dict
            default: {}
  platform_team:
    description: The name of the platform's own team.
    type: str
    default: platform
  namespace_prefix:
    description: What the name of an instance's namespace begins with.
    type: str
    default: monitoring-
  sizes:
    description:
      - Sizes beside V(small), V(medium) and V(large), by their names. Each has C(prometheus) and C(alertmanager),
        with C(replicas), C(cpu), C(cpu_limit) and C(memory).
      - What is not given is as in V(small).
    type: dict
    default: {}
  pods:
    description: Where images come from and as whom pods run, where a team does not say it.
    type: dict
    default: {}
    suboptions:
      image_registry:
        description: Where the images of instances come from; by default the operator decides.
        type: str
      image_pull_secrets:
        description: The names of Secrets with the credentials for that registry, in each instance's namespace.
        type: list
        elements: str
      run_as:
        description: As whom the pods run; V(fixed) by default.
        type: str
  cluster_facts:
    description: What the inventory says of its clusters, for teams that select clusters by anything else than their
      names.
    type: dict
    default: {}
    suboptions:
      groups:
        description: The groups of each cluster, by the cluster's name.
        type: dict
        default: {}
      labels:
        description: The labels of each cluster, by the cluster's name.
        type: dict
        default: {}
  cluster:
    description: The name of this cluster, the value of the external label C(cluster).
    type: str
    required: true
  clusters:
    description: The names of all clusters of the fleet.
    type: list
    elements: str
    required: true
"""
