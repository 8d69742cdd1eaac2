"""What the fake AWX knows of AWX: endpoints, fields and rules, each with the place in AWX that says so.

AWX itself was not run. Places are files of github.com/ansible/awx, release 24.6.1, which is its published API; the
modules of awx.awx 24.6.1 are driven against the fake, too (test_awx_modules.py).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A list of objects. *fields* can be written, each with its default; *refs* are those that name other objects."""

    type: str
    fields: t.Mapping[str, t.Any]
    required: tuple[str, ...] = ("name",)
    refs: t.Mapping[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ("name",)
    # What is deleted with an object: endpoints and the fields there that name it; of other endpoints they become null.
    cascade: t.Mapping[str, str] = field(default_factory=dict)
    readonly: bool = False


_COMMON = {"name": None, "description": ""}
_ASK = {
    f"ask_{what}_on_launch": False
    for what in (
        "credential", "diff_mode", "execution_environment", "forks", "instance_groups", "inventory", "job_slice_count",
        "job_type", "labels", "limit", "scm_branch", "skip_tags", "tags", "timeout", "variables", "verbosity",
    )
}  # fmt: skip
_PROMPTED: dict[str, t.Any] = {
    "extra_data": {}, "inventory": None, "scm_branch": None, "job_type": None, "job_tags": None, "skip_tags": None,
    "limit": None, "diff_mode": None, "verbosity": None, "execution_environment": None, "forks": None,
    "job_slice_count": None, "timeout": None,
}  # fmt: skip
ORGANIZATION = {"organization": "organizations"}
ENDPOINTS: dict[str, Endpoint] = {
    "organizations": Endpoint(
        type="organization",
        fields={**_COMMON, "max_hosts": 0, "default_environment": None},
        refs={"default_environment": "execution_environments"},
        cascade=dict.fromkeys(("teams", "projects", "inventories", "notification_templates"), "organization"),
    ),
    "teams": Endpoint(
        type="team",
        fields={**_COMMON, "organization": None},
        required=("name", "organization"),
        refs=ORGANIZATION,
        unique=("organization", "name"),
        cascade={"role_team_assignments": "team"},
    ),
    "credential_types": Endpoint(
        type="credential_type",
        fields={**_COMMON, "kind": None, "inputs": {}, "injectors": {}},
        required=("name", "kind"),
        unique=("name", "kind"),
        cascade={"credentials": "credential_type"},
    ),
    "credentials": Endpoint(
        type="credential",
        fields={**_COMMON, "organization": None, "credential_type": None, "inputs": {}},
        required=("name", "credential_type"),
        refs={**ORGANIZATION, "credential_type": "credential_types"},
        unique=("organization", "name", "credential_type"),
    ),
    "execution_environments": Endpoint(
        type="execution_environment",
        fields={**_COMMON, "organization": None, "image": None, "pull": "", "credential": None},
        required=("name", "image"),
        refs={**ORGANIZATION, "credential": "credentials"},
    ),
    "notification_templates": Endpoint(
        type="notification_template",
        fields={
            **_COMMON,
            "organization": None,
            "notification_type": None,
            "notification_configuration": {},
            "messages": {"started": None, "success": None, "error": None, "workflow_approval": None},
        },
        required=("name", "organization", "notification_type"),
        refs=ORGANIZATION,
        unique=("organization", "name"),
    ),
    "projects": Endpoint(
        type="project",
        fields={
            **_COMMON,
            "organization": None,
            "scm_type": "",
            "scm_url": "",
            "scm_branch": "",
            "scm_refspec": "",
            "scm_clean": False,
            "scm_track_submodules": False,
            "scm_delete_on_update": False,
            "credential": None,
            "timeout": 0,
            "scm_update_on_launch": False,
            "scm_update_cache_timeout": 0,
            "allow_override": False,
            "default_environment": None,
            "local_path": "",
            "signature_validation_credential": None,
        },
        refs={
            **ORGANIZATION,
            "credential": "credentials",
            "default_environment": "execution_environments",
            "signature_validation_credential": "credentials",
        },
        unique=("organization", "name"),
    ),
    "inventories": Endpoint(
        type="inventory",
        fields={
            **_COMMON,
            "organization": None,
            "kind": "",
            "host_filter": None,
            "variables": "",
            "prevent_instance_group_fallback": False,
        },
        required=("name", "organization"),
        refs=ORGANIZATION,
        unique=("organization", "name"),
        cascade={"inventory_sources": "inventory"},
    ),
    "inventory_sources": Endpoint(
        type="inventory_source",
        fields={
            **_COMMON,
            "inventory": None,
            "source": None,
            "source_path": "",
            "source_vars": "",
            "scm_branch": "",
            "credential": None,
            "enabled_var": "",
            "enabled_value": "",
            "host_filter": "",
            "overwrite": False,
            "overwrite_vars": False,
            "timeout": 0,
            "verbosity": 1,
            "limit": "",
            "execution_environment": None,
            "update_on_launch": False,
            "update_cache_timeout": 0,
            "source_project": None,
        },
        required=("name", "inventory", "source"),
        refs={
            "inventory": "inventories",
            "source_project": "projects",
            "credential": "credentials",
            "execution_environment": "execution_environments",
        },
        unique=("inventory", "name"),
        cascade={"schedules": "unified_job_template"},
    ),
    "instance_groups": Endpoint(type="instance_group", fields={"name": None, "is_container_group": False}),
    "job_templates": Endpoint(
        type="job_template",
        fields={
            **_COMMON,
            **_ASK,
            "job_type": "run",
            "inventory": None,
            "project": None,
            "playbook": "",
            "scm_branch": "",
            "forks": 0,
            "limit": "",
            "verbosity": 0,
            "extra_vars": "",
            "job_tags": "",
            "force_handlers": False,
            "skip_tags": "",
            "start_at_task": "",
            "timeout": 0,
            "use_fact_cache": False,
            "execution_environment": None,
            "host_config_key": "",
            "survey_enabled": False,
            "become_enabled": False,
            "diff_mode": False,
            "allow_simultaneous": False,
            "job_slice_count": 1,
            "webhook_service": "",
            "webhook_credential": None,
            "prevent_instance_group_fallback": False,
        },
        refs={
            "inventory": "inventories",
            "project": "projects",
            "execution_environment": "execution_environments",
            "webhook_credential": "credentials",
        },
        unique=("organization", "name"),
        cascade={"schedules": "unified_job_template"},
    ),
    "workflow_job_templates": Endpoint(
        type="workflow_job_template",
        fields={
            **_COMMON,
            **{name: False for name in _ASK if name.split("_")[1] in {"inventory", "limit", "labels", "variables"}},
            "ask_scm_branch_on_launch": False,
            "ask_tags_on_launch": False,
            "ask_skip_tags_on_launch": False,
            "organization": None,
            "extra_vars": "",
            "survey_enabled": False,
            "allow_simultaneous": False,
            "inventory": None,
            "limit": None,
            "scm_branch": None,
            "job_tags": None,
            "skip_tags": None,
            "webhook_service": "",
            "webhook_credential": None,
        },
        refs={**ORGANIZATION, "inventory": "inventories", "webhook_credential": "credentials"},
        unique=("organization", "name"),
        cascade={"schedules": "unified_job_template", "workflow_job_template_nodes": "workflow_job_template"},
    ),
    "workflow_job_template_nodes": Endpoint(
        type="workflow_job_template_node",
        fields={
            **_PROMPTED,
            "identifier": None,
            "workflow_job_template": None,
            "unified_job_template": None,
            "all_parents_must_converge": False,
        },
        required=("workflow_job_template",),
        refs={
            "workflow_job_template": "workflow_job_templates",
            "unified_job_template": "unified_job_templates",
            "inventory": "inventories",
        },
        unique=("workflow_job_template", "identifier"),
    ),
    "workflow_approval_templates": Endpoint(
        type="workflow_approval_template",
        fields={**_COMMON, "timeout": 0},
        readonly=True,
        unique=(),
    ),
    "schedules": Endpoint(
        type="schedule",
        fields={**_COMMON, **_PROMPTED, "rrule": None, "enabled": True, "unified_job_template": None},
        required=("name", "rrule", "unified_job_template"),
        refs={"unified_job_template": "unified_job_templates"},
        unique=("unified_job_template", "name"),
    ),
    "role_definitions": Endpoint(type="role_definition", fields=_COMMON, readonly=True),
    "role_team_assignments": Endpoint(
        type="role_team_assignment",
        fields={"role_definition": None, "team": None, "object_id": None},
        required=("role_definition", "team", "object_id"),
        refs={"role_definition": "role_definitions", "team": "teams"},
        unique=("role_definition", "team", "object_id"),
    ),
}
# Those of which AWX brings some along, which cannot be changed.
MANAGED = ("credential_types", "execution_environments", "role_definitions")
# Endpoints that are one in AWX's database: a template of any kind.
TEMPLATES = (
    "job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates",
)  # fmt: skip
_EVENTS = ("started", "success", "error")
_NODES = ("success_nodes", "failure_nodes", "always_nodes")
# Associations: POST {"id": N}, or {"id": N, "disassociate": true}.
ASSOCIATIONS: dict[tuple[str, str], str] = {
    ("job_templates", "credentials"): "credentials",
    ("job_templates", "instance_groups"): "instance_groups",
    **{
        (path, f"notification_templates_{event}"): "notification_templates"
        for path in ("job_templates", "workflow_job_templates", "projects")
        for event in _EVENTS
    },
    ("workflow_job_templates", "notification_templates_approvals"): "notification_templates",
    **{("workflow_job_template_nodes", name): "workflow_job_template_nodes" for name in _NODES},
}
# Other parts of an object with an address of their own.
PARTS = {
    "job_templates": ["survey_spec", "launch"],
    "workflow_job_template_nodes": ["create_approval_template"],
}
# Those that a list shows, as IDs.
SHOWN = {("workflow_job_template_nodes", name) for name in _NODES}
# Fields of configurations that AWX encrypts (init_parameters of each backend below awx/main/notifications).
NOTIFICATION_FIELDS: dict[str, dict[str, str]] = {
    "slack": {"token": "password", "channels": "list"},
    "email": {
        "host": "string", "port": "int", "username": "string", "password": "password", "use_tls": "bool",
        "use_ssl": "bool", "sender": "string", "recipients": "list", "timeout": "int",
    },
    "webhook": {
        "url": "string", "http_method": "string", "disable_ssl_verification": "bool", "username": "string",
        "password": "password", "headers": "object",
    },
    "mattermost": {"mattermost_url": "string", "mattermost_no_verify_ssl": "bool"},
    "rocketchat": {"rocketchat_url": "string", "rocketchat_no_verify_ssl": "bool"},
    "grafana": {"grafana_url": "string", "grafana_key": "password"},
    "irc": {
        "server": "string", "port": "int", "nickname": "string", "password": "password", "use_ssl": "bool",
        "targets": "list",
    },
    "twilio": {"account_sid": "string", "account_token": "password", "from_number": "string", "to_numbers": "list"},
    "awssns": {
        "aws_region": "string", "aws_access_key_id": "string", "aws_secret_access_key": "password",
        "aws_session_token": "password", "sns_topic_arn": "string",
    },
    "pagerduty": {"subdomain": "string", "token": "password", "service_key": "string", "client_name": "string"},
}  # fmt: skip
NOTIFICATION_DEFAULTS: dict[str, JsonObject] = {
    "email": {"timeout": 30},
    "webhook": {"http_method": "POST", "disable_ssl_verification": False, "username": "", "password": ""},
    "awssns": dict.fromkeys(NOTIFICATION_FIELDS["awssns"], ""),
}
# type_map of the serializer.
NOTIFICATION_TYPES = {"string": str, "int": int, "bool": bool, "list": list, "password": str, "object": dict}
# The type of AWX's own that the collection uses (awx_plugins.credentials.plugins / awx/main/models/credential).
OWN_TYPES: list[JsonObject] = [
    {
        "name": "OpenShift or Kubernetes API Bearer Token", "kind": "kubernetes", "managed": True, "description": "",
        "inputs": {
            "fields": [
                {"id": "host", "label": "Endpoint", "type": "string"},
                {"id": "bearer_token", "label": "Token", "type": "string", "secret": True},
                {"id": "verify_ssl", "label": "Verify SSL", "type": "boolean", "default": True},
                {"id": "ssl_ca_cert", "label": "CA", "type": "string", "secret": True, "multiline": True},
            ],
            "required": ["host", "bearer_token"],
        },
        "injectors": {},
    },
    {
        "name": "Source Control", "kind": "scm", "managed": True, "description": "",
        "inputs": {"fields": [{"id": "ssh_key_data", "label": "Key", "type": "string", "secret": True}]},
        "injectors": {},
    },
]  # fmt: skip
ROLES = ("JobTemplate Execute", "WorkflowJobTemplate Execute", "WorkflowJobTemplate Approve")
SURVEY_TYPES: dict[str, t.Any] = {
    "multiselect": (list, str), "multiplechoice": str, "text": str, "textarea": str, "password": str, "integer": int,
    "float": (int, float),
}  # fmt: skip

# Every rule that the fake keeps: the endpoint, the rule, and where AWX says so.
RULES: tuple[tuple[str, str, str], ...] = (
    ("any list", "25 objects on a page, at most 200; next is the path of the next page", "awx/api/pagination.py"),
    ("any list", "a filter by a field that does not exist is 400", "awx/api/filters.py"),
    ("any", "without a valid token 401", "awx/api/authentication.py"),
    ("any POST", "a required field that is missing, and a name that is taken, are 400", "awx/api/serializers.py"),
    ("any POST", "an object that is named and does not exist is 400", "awx/api/serializers.py"),
    ("any", "fields that cannot be written are ignored", "awx/api/serializers.py"),
    (
        "credentials",
        "secrets are shown as $encrypted$, which sent back changes nothing",
        "awx/main/models/credential.py, awx/main/fields.py",
    ),
    (
        "credentials",
        "an input that the type does not have, or one that is required and missing, is 400",
        "awx/main/fields.py: CredentialInputField",
    ),
    (
        "credential_types",
        "kind is cloud or net; inputs cannot change while a credential uses them (403)",
        "awx/api/serializers.py: CredentialTypeSerializer",
    ),
    (
        "notification_templates",
        "fields of its type are required, or get their default; their types, no empty list; secrets as above",
        "awx/api/serializers.py: NotificationTemplateSerializer",
    ),
    ("job_templates", "the organization is the project's", "awx/main/models/jobs.py: JobTemplate.save"),
    (
        "job_templates",
        "extra_vars that are neither JSON nor YAML of a mapping are 400",
        "awx/main/utils/common.py: vars_validate_or_raise",
    ),
    (
        "job_templates",
        "the list shows of a survey its name and description only",
        "awx/api/serializers.py: JobTemplateMixin.get_summary_fields",
    ),
    (
        "job_templates/N/credentials",
        "a second credential of a type is 400",
        "awx/api/views: JobTemplateCredentialsList",
    ),
    (
        "job_templates/N/survey_spec",
        "the parts of a survey and of each question, the types of defaults, choices, and each variable once",
        "awx/api/views: JobTemplateSurveySpec._validate_spec_data",
    ),
    (
        "job_templates/N/launch",
        "answers are checked; variables and prompts that are not asked for are ignored, and the job starts without",
        "awx/main/models/mixins.py: _accept_or_ignore_variables; awx/api/serializers.py: JobLaunchSerializer",
    ),
    (
        "job_templates/N",
        "a template with a running job cannot be deleted (409)",
        "awx/api/views/mixin.py: RelatedJobsPreventDeleteMixin",
    ),
    (
        "associations",
        "POST answers 204; what is associated stays so; a wrong id is 400",
        "awx/api/generics.py: SubListCreateAttachDetachAPIView",
    ),
    (
        "workflow_job_template_nodes",
        "the workflow cannot be changed",
        "awx/api/serializers.py: WorkflowJobTemplateNodeSerializer.build_relational_field",
    ),
    (
        "workflow_job_template_nodes/N/create_approval_template",
        "makes one and gives it to the node (201)",
        "awx/api/views: WorkflowJobTemplateNodeCreateApproval",
    ),
    (
        "schedules",
        "rules about rrule, which python-dateutil must be able to read",
        "awx/api/serializers.py: SchedulePreviewSerializer.validate_rrule",
    ),
    (
        "role_team_assignments",
        "the role's type and the object's must fit; object_id is text",
        "django-ansible-base: ansible_base/rbac/api/serializers.py",
    ),
    ("inventories/N", "DELETE answers 202", "awx/api/views/inventory.py: InventoryDetail"),
    ("other endpoints", "501: not known to the fake", "-"),
)
