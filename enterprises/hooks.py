"""The project's own code after provisioning: ENTERPRISE_PROVISIONED_HOOK."""

from datetime import datetime

from enterprises import conf
from enterprises.models import Enterprise
from outbox.models import Task


def run_provisioned_hook(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Call the hook with the Enterprise: at least once, and again until it returns."""
    if hook := conf.provisioned_hook():
        hook(enterprise)
