"""The host's own code after provisioning: ENTERPRISE_PROVISIONED_HOOK."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from enterprises.models import Errand


def run_hook(errand: Errand) -> None:
    """Call the hook with the Enterprise: at least once, and again until it returns."""
    if settings.ENTERPRISE_PROVISIONED_HOOK:
        import_string(settings.ENTERPRISE_PROVISIONED_HOOK)(errand.enterprise)


@checks.register
def hook_can_be_imported(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    path = settings.ENTERPRISE_PROVISIONED_HOOK
    try:
        if not path or callable(import_string(path)):
            return []
        reason = "it is not a function"
    except ImportError as error:
        reason = str(error)
    return [
        checks.Error(
            f"ENTERPRISE_PROVISIONED_HOOK cannot be called: {reason}.",
            hint="Give the dotted path of a function that takes an Enterprise, or leave it empty.",
            id="enterprises.E001",
        )
    ]
