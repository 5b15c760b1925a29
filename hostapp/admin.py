from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from enterprises.locks import limited_lock_waits
from enterprises.memberships import deactivate_user
from enterprises.reauthentication import require_reauthentication, require_reauthentication_first
from hostapp.models import SignInAttempt, User
from hostapp.password_notices import enqueue_password_notice
from hostapp.staff.admin import TaskAdmin

__all__ = ["GroupAdmin", "SignInAttemptAdmin", "TaskAdmin", "UserAdmin"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Superusers give rights and set passwords; staff with the right to change people do the rest.

    Who may change an e-mail address could have a password link sent to it, and so have the account.
    """

    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    readonly_fields = ["date_joined", "last_login"]
    # Django's two-column widget cannot be used with a screen reader.
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        (
            gettext_lazy("Rights"),
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        (gettext_lazy("Times"), {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields: list[str] = list(super().get_readonly_fields(request, obj))
        if not _is_superuser(request) and obj is not None:
            fields += ["email", "is_staff", "is_superuser", "groups", "user_permissions"]
        return fields

    def has_change_permission(self, request: HttpRequest, obj: AbstractBaseUser | None = None) -> bool:
        if isinstance(obj, User) and (obj.is_staff or obj.is_superuser) and not _is_superuser(request):
            # Deactivating or activating staff takes or gives their rights.
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: AbstractBaseUser | None = None) -> bool:
        # A deleted person can no longer be named; deactivation ends their access as well.
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        person = self.get_object(request, unquote(object_id))
        if request.method == "POST" and person and self.has_change_permission(request, person):
            page = require_reauthentication(
                request,
                purpose=_("change %(person)s") % {"person": person},
                back_url=request.path,
                now=timezone.now(),
            )
            if page:
                return page
        return super().change_view(request, object_id, form_url, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        if not _is_superuser(request):
            raise PermissionDenied
        person = self.get_object(request, unquote(id))
        if person:
            page = require_reauthentication_first(
                request,
                purpose=_("set a password of %(person)s") % {"person": person},
                back_url=reverse("admin:hostapp_user_change", args=[person.pk]),
                now=timezone.now(),
            )
            if page:
                return page
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
            if person and _has_new_password(person):
                enqueue_password_notice(person, Actor.from_request(request), timezone.now())
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        actor, now = Actor.from_request(request), timezone.now()
        with limited_lock_waits():
            if change and "is_active" in form.changed_data and not obj.is_active:
                # Before it is saved: then the audit log names who did it.
                deactivate_user(obj, actor, now)
            super().save_model(request, obj, form, change)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """For superusers, because a group gives rights to everyone in it."""

    # As in UserAdmin.
    filter_horizontal = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        if request.method == "POST" and _is_superuser(request):
            page = require_reauthentication(
                request, purpose=_("change the rights of a group"), back_url=request.path, now=timezone.now()
            )
            if page:
                return page
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response


@admin.register(SignInAttempt)
class SignInAttemptAdmin(admin.ModelAdmin):
    """Search for an address or an account and delete its attempts: that lifts the limit at once."""

    list_display = ["at", "email", "source"]
    search_fields = ["email", "source"]
    ordering = ["-at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def _has_new_password(person: User) -> bool:
    """Whether one was set since `person` was read."""
    before = person.password
    person.refresh_from_db(fields=["password"])
    return person.password != before and person.has_usable_password()


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser
