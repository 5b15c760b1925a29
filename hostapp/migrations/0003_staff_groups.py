"""Two groups for staff, and the rights that staff had before pages asked for rights."""

from typing import Any

from django.db import migrations

_VIEWED = (
    ("audit", "auditentry", "audit entry"),
    ("enterprises", "enterprise", "enterprise"),
    ("enterprises", "invitation", "invitation"),
    ("enterprises", "membership", "membership"),
    ("mirror", "connection", "connection"),
    ("mirror", "directory", "directory"),
    ("mirror", "organization", "organization"),
    ("mirror", "organizationdomain", "organization domain"),
    ("outbox", "task", "task"),
    ("outbox", "workerheartbeat", "worker heartbeat"),
    ("portal", "portalsession", "portal session"),
    ("portal", "setuplink", "setup link"),
    ("webhooks", "refusalsample", "refusal sample"),
    ("webhooks", "unreadabledelivery", "unreadable delivery"),
    ("webhooks", "webhookevent", "webhook event"),
)
_CHANGED = (
    ("enterprises", "enterprise", "enterprise", ("add", "change", "delete")),
    ("enterprises", "invitation", "invitation", ("add",)),
    ("outbox", "task", "task", ("change",)),
    ("portal", "setuplink", "setup link", ("add",)),
    ("webhooks", "webhookevent", "webhook event", ("change",)),
)


def create_groups(apps: Any, schema_editor: Any) -> None:
    """Staff who exist keep what they could do: they join the group that may do everything."""
    viewing = [_permission(apps, "view", *names) for names in _VIEWED]
    changing = [
        _permission(apps, action, app, model, name)
        for app, model, name, actions in _CHANGED
        for action in actions
    ]
    groups = apps.get_model("auth", "Group").objects
    groups.get_or_create(name="Support (view only)")[0].permissions.add(*viewing)
    support = groups.get_or_create(name="Support")[0]
    support.permissions.add(*viewing, *changing)
    for user in apps.get_model("hostapp", "User").objects.filter(is_staff=True, is_superuser=False):
        user.groups.add(support)


def _permission(apps: Any, action: str, app: str, model: str, name: str) -> Any:
    """Django creates the permissions after all migrations, and then leaves those alone that exist."""
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label=app, model=model
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=f"{action}_{model}", defaults={"name": f"Can {action} {name}"}
    )
    return permission


class Migration(migrations.Migration):
    dependencies = [
        ("hostapp", "0002_sessions_and_time_zone"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, migrations.RunPython.noop)]
