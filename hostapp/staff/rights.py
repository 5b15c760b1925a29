"""What staff may see and do: each page and each action needs one of Django's permissions.

docs/staff.md explains them, with the groups that the migration `staff_groups` creates.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from enterprises import access
from enterprises.locks import limited_lock_waits, lock_enterprise
from enterprises.models import Enterprise


class Right(StrEnum):
    """A permission, as `app.codename`."""

    VIEW_CUSTOMERS = "enterprises.view_enterprise"
    PROVISION = "enterprises.add_enterprise"
    CHANGE_CUSTOMERS = "enterprises.change_enterprise"
    DEPROVISION = "enterprises.delete_enterprise"
    INVITE = "enterprises.add_invitation"
    RETRY_TASKS = "outbox.change_task"
    VIEW_EVENTS = "webhooks.view_webhookevent"


_View = Callable[Concatenate[HttpRequest, ...], HttpResponseBase]


def staff_only(right: Right) -> Callable[[_View], _View]:
    """For a view: people sign in first; all but staff with this right get 403."""

    def decorate(view: _View) -> _View:
        @login_required
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require_right(request.user, right)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def require_right(user: AbstractBaseUser | AnonymousUser, right: Right) -> None:
    access.require_staff(user)
    if not has_right(user, right):
        raise PermissionDenied(access.explain_missing_permission(right.value))


def has_right(user: AbstractBaseUser | AnonymousUser, right: Right) -> bool:
    if not isinstance(user, PermissionsMixin) or not getattr(user, "is_staff", False):
        return False
    return user.has_perm(right.value)


@contextmanager
def as_current_staff(request: HttpRequest, enterprise: Enterprise, right: Right) -> Iterator[Enterprise]:
    """A transaction for an action on an enterprise, with the right read again under its lock.

    Yields the enterprise as it is now. A request may have waited since the view looked, and the person may
    have lost the right in that time.
    """
    with limited_lock_waits():
        current = lock_enterprise(enterprise.pk)
        require_right(access.lock_user(request.user.pk), right)
        yield current
