"""What a password must be, in one sentence, and the forms that set one."""

from typing import Any

from django.contrib.auth import forms as auth_forms
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    NumericPasswordValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

MIN_LENGTH = 12


class PasswordValidator:
    """Django's four validators as one: each has a help text of its own, which made a list of four rules."""

    def __init__(self) -> None:
        self._validators: list[Any] = [
            UserAttributeSimilarityValidator(user_attributes=["email", "name"]),
            MinimumLengthValidator(min_length=MIN_LENGTH),
            CommonPasswordValidator(),
            NumericPasswordValidator(),
        ]

    def validate(self, password: str, user: Any = None) -> None:
        errors = []
        for validator in self._validators:
            try:
                validator.validate(password, user)
            except ValidationError as error:
                errors.append(error)
        if errors:
            raise ValidationError(errors)

    def get_help_text(self) -> str:
        return _("At least %(length)d characters. Avoid common passwords and your own name.") % {
            "length": MIN_LENGTH
        }


class _SetPasswordMixin:
    """Our labels, the help once, and what is wrong with a password beside the password."""

    fields: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].label = gettext_lazy("New password")
        self.fields["new_password1"].help_text = PasswordValidator().get_help_text()
        self.fields["new_password2"].label = gettext_lazy("Confirm new password")
        self.fields["new_password2"].help_text = ""

    def validate_password_for_user(self, user: Any, password_field_name: str = "") -> None:
        super().validate_password_for_user(user, "new_password1")  # type: ignore[misc]


_MISMATCH = {"password_mismatch": gettext_lazy("The two passwords don’t match.")}


class SetPasswordForm(_SetPasswordMixin, auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    error_messages = {**auth_forms.SetPasswordForm.error_messages, **_MISMATCH}


class ChangePasswordForm(_SetPasswordMixin, auth_forms.PasswordChangeForm):
    error_messages = {
        **auth_forms.PasswordChangeForm.error_messages,
        **_MISMATCH,
        "password_incorrect": gettext_lazy("Current password is incorrect."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = gettext_lazy("Current password")
