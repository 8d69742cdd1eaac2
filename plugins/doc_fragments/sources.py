# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of federation sources."""

    DOCUMENTATION = r"""
options:
  sources:
    description: The instances that other clusters may federate.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The team whose Prometheus it is; by default the platform's own.
        type: str
      transport:
        description:
          - How the instance's series come to the central side. V(federate) lets that read them from C(/federate).
          - With V(remote_write) the instance writes them to O(central_receivers); nothing is exposed, and options of
            what is exposed or read are refused. The Secrets of O(sources[].tls_config), O(sources[].basic_auth) and
            O(sources[].bearer_token) are then those of the instance's own namespace on this cluster.
          - With V(thanos) the series stay in the instance, and a Thanos Query on the central cluster asks its sidecar
            for what somebody looks at. The sidecar is exposed as the instance is with V(federate), at port 10901, and
            serves clients with a certificate only. Needs O(sources[].sidecar), and C(ca) and C(cert) of
            O(sources[].tls_config). Options that select, limit or change series are refused.
        type: str
        choices: [federate, remote_write, thanos]
        default: federate
      expose:
        description:
          - V(LoadBalancer) and V(NodePort) make a Service of this type for each replica.
          - V(Existing) makes nothing; O(sources[].address) and O(sources[].port) say where the instance can be
            reached.
        type: str
        choices: [LoadBalancer, NodePort, Existing]
        default: LoadBalancer
      address:
        description: The address or DNS name that other clusters use, in place of what the cluster gave.
        type: str
      port:
        description: The port that belongs to O(sources[].address).
        type: int
      node_port:
        description: A fixed node port.
        type: int
      load_balancer:
        description:
          - The kind of load balancer. The Services get the annotations that make it an internal one, and
            O(sources[].health_check_sources) its ranges.
          - V(eks) needs the AWS Load Balancer Controller. The addresses of V(metallb) are those of its pools.
        type: str
        choices: [aks, eks, gke, metallb]
      ip_family:
        description: The family of addresses of the Services; by default the first one of the cluster.
        type: str
        choices: [IPv4, IPv6]
      annotations:
        description:
          - Annotations of the Services. What contradicts O(sources[].load_balancer) is refused.
        type: dict
        default: {}
      health_check_sources:
        description:
          - The networks from which a load balancer checks the health of the pods. The network policy lets them in; they
            are no clients of the load balancer. By default those of O(sources[].load_balancer).
        type: list
        elements: str
      allowed_sources:
        description: The networks from which the instance may be read.
        type: list
        elements: str
        default: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7"]
      proxy:
        description:
          - A proxy (kube-rbac-proxy) in front of each replica, which serves TLS and lets in clients by their
            certificate. Only C(/federate), C(/-/healthy) and C(/-/ready) can be read through it. The exposed Services
            and the network policy lead to the proxies.
          - Needs O(sources[].scheme) to be V(https) and O(sources[].tls_config.cert).
        type: dict
        suboptions:
          certificate:
            description:
              - The server's certificate and key, in a Secret of the instance's namespace on this cluster. A new one is
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
              - The authority of the clients' certificates, in the instance's namespace on this cluster. With several
                certificates in it each of them counts, as in a rotation.
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
          clients:
            description: The common names in the certificates of the clients that may read.
            type: list
            elements: str
            required: true
          image_registry:
            description:
              - The registry of the proxy's image; by default that of the team's instance, and where it names none,
                C(quay.io).
              - Its pods have the pull secrets of the team's instance.
            type: str
      sidecar:
        description:
          - How the Thanos sidecar of the instance serves the central side. Required with
            O(sources[].transport=thanos), and refused without.
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
      scheme:
        description: The scheme of the exposed address.
        type: str
        choices: [http, https]
        default: http
      path_prefix:
        description:
          - The path below which the instance answers, such as V(/prometheus) behind an ingress; C(/federate) is
            added to it.
        type: str
      tls_config:
        description:
          - How the central side checks the certificate of the address, and which one it shows itself. Needs
            O(sources[].scheme) to be V(https).
          - Secrets and ConfigMaps are named here, never their values. The central side reads them in the namespace of
            the instance that federates.
        type: dict
        suboptions:
          ca:
            description: The certificate authority of the address; by default those that the central pods trust.
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
            description: The certificate that the central side shows as a client.
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
            description:
              - Take any certificate. Then each server on the way to the address can read what is sent, credentials too,
                and can answer itself. Each run warns of it.
            type: bool
            default: false
      basic_auth:
        description:
          - User name and password that the central side sends, from a Secret in the namespace of the instance that
            federates. Needs O(sources[].scheme) to be V(https).
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
        description:
          - The token that the central side sends, from a Secret in the namespace of the instance that federates. Needs
            O(sources[].scheme) to be V(https). A request has a token or a password, not both.
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
      match:
        description:
          - Selectors (C(match[])) of what is federated, beside those of O(sources[].match_presets).
          - One that can never select anything is refused, and one that selects everything without
            O(sources[].match_everything). What is doubtful is a warning;
            M(promfleet.monitoring.findings_info) explains the codes.
        type: list
        elements: str
      match_presets:
        description:
          - What is federated, by name. If neither this nor O(sources[].match) is given, it is V(recorded) and
            V(alerts).
          - V(recorded) are series that rules have recorded, which have a colon in their names; V(alerts) the alerts
            that fire; V(up) which targets are up; V(prometheus) whether the source's Prometheus works; V(versions)
            which versions of Kubernetes and of the monitoring run.
        type: list
        elements: str
        choices: [recorded, alerts, up, prometheus, versions]
      match_everything:
        description: Whether O(sources[].match) may select every series of the source.
        type: bool
        default: false
      interval:
        description: How often the central side scrapes.
        type: str
        default: 30s
      timeout:
        description: How long a scrape may take; not longer than O(sources[].interval).
        type: str
        default: 25s
      labels:
        description:
          - Further labels that identify the source, added where its series lack them. C(cluster) and C(team) are set on
            every series.
        type: dict
        default: {}
      limits:
        description:
          - What one answer of the source may hold at most. Where it holds more the scrape fails, so that a source that
            grew cannot take the central Prometheus' memory. By default there is no limit.
          - Alerts are read by a scrape of their own, which has the same limits for itself.
        type: dict
        default: {}
        suboptions:
          samples:
            description: The number of samples.
            type: int
          body_size:
            description: The size of the answer before compression, with its unit, as C(20MB).
            type: str
      into:
        description:
          - The teams whose Prometheus on the central cluster federates it. By default that is the team which
            M(promfleet.monitoring.federation_endpoints) has as C(central_team).
          - A team that is named here sees this source. With its own name at its own sources, a team's instance on the
            central cluster has the series of its whole fleet, and of no other team.
        type: list
        elements: str
        default: []
      normalize:
        description:
          - Labels that this cluster calls otherwise than others do, for one name and one value of all.
            First labels are dropped, then renamed, and then values are mapped under the new names.
          - Series that differ in a dropped label alone become one, and Prometheus takes one of their samples only.
          - Labels that tell sources, replicas or the parts of a histogram apart cannot be changed.
        type: dict
        default: {}
        suboptions:
          drop:
            description: Labels that are dropped.
            type: list
            elements: str
            default: []
          rename:
            description: The new names of labels, by the old ones.
            type: dict
            default: {}
          map:
            description: By the name of a label, the new values by the old ones.
            type: dict
            default: {}
  below:
    description:
      - The names of the clusters that are federated here. What reads this cluster then takes the series of these
        clusters and its own, and no others.
    type: list
    elements: str
    default: []
  centrals:
    description:
      - The names of the clusters that read this one. A team in O(sources[].into) must have a Prometheus on one of them.
        Without names that is not checked.
    type: list
    elements: str
    default: []
  central_teams:
    description:
      - By the names of O(centrals), the team whose instance there has the sources that name no team in
        O(sources[].into); by default the platform's own.
    type: dict
    default: {}
  central_receivers:
    description:
      - By the names of O(centrals), who takes there what O(sources[].transport=remote_write) writes, in the form of
        O(promfleet.monitoring.federation_receiver#module:receivers).
    type: dict
    default: {}
"""
