from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from enterprises import people
from enterprises.addresses import client_address
from hostapp.models import SignInTry, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    readonly_fields = ["date_joined", "last_login"]
    # The two-column chooser of Django's cannot be used without seeing it.
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Times", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        who: Any = request.user
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if change and "is_active" in form.changed_data and not obj.is_active:
                people.deactivate(obj, who=who, at=timezone.now(), client_address=client_address(request))
            if change and "is_staff" in form.changed_data and not obj.is_staff:
                people.leave_staff(obj, at=timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: AbstractBaseUser | None = None) -> bool:
        # Who is deleted cannot be named any more; deactivating also ends what they opened at WorkOS.
        return False


@admin.register(SignInTry)
class SignInTryAdmin(admin.ModelAdmin):
    """Search an address or an account and delete its tries: that unlocks it at once."""

    list_display = ["at", "email", "address"]
    search_fields = ["email", "address"]
    ordering = ["-at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
