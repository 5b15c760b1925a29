from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.actions import ACTION_GROUPS
from audit.fields import OneLineFormField
from enterprises.email_addresses import normalize_email
from enterprises.models import Role
from mirror.models import Directory


class NormalizedEmailField(forms.EmailField):
    """An e-mail address of a person, in one spelling."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def clean(self, value: Any) -> Any:
        # An international domain is longer in ASCII, so its length counts again.
        normalized = normalize_email(super().clean(value))
        self.run_validators(normalized)
        return normalized


class InviteForm(forms.Form):
    email = NormalizedEmailField(label=_("Email"), widget=forms.EmailInput({"autocomplete": "off"}))
    role = forms.ChoiceField(
        label=_("Role"),
        choices=lambda: [(role.value, f"{role.label}: {role.explanation}") for role in Role],
        initial=Role.MEMBER,
        widget=forms.RadioSelect,
    )


class JoinForm(forms.Form):
    name = OneLineFormField(
        max_length=150, label=_("Your name"), widget=forms.TextInput({"autocomplete": "name"})
    )
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,
    )
    password2 = forms.CharField(
        label=_("Confirm password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, second = data.get("password1"), data.get("password2")
        if first and second and first != second:
            self.add_error("password2", gettext("The passwords don’t match."))
        elif first and second:
            try:
                validate_password(first, get_user_model()(email=self.email, name=data.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return data


class MembersForm(forms.Form):
    """The filter of the members page."""

    search = forms.CharField(
        required=False,
        max_length=150,
        label=_("Search"),
        widget=forms.SearchInput({"placeholder": _("Name or email")}),
    )
    role = forms.ChoiceField(
        required=False, label=_("Role"), choices=lambda: [("", gettext("All roles")), *Role.choices]
    )


class PeopleSearch(forms.Form):
    """The search in a list of a directory, and which directory, if there are several."""

    search = forms.CharField(required=False, max_length=150, label=_("Search"), widget=forms.SearchInput)
    placeholder: ClassVar = _("Start of a name or email")

    def __init__(self, *arguments: Any, directories: Sequence[Directory] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["search"].widget.attrs["placeholder"] = self.placeholder
        if len(directories) > 1:
            self.fields["directory"] = forms.ChoiceField(
                required=False,
                label=_("Directory"),
                choices=[(str(one.pk), one.name or one.directory_id) for one in directories],
            )

    def get_choice(self, name: str) -> str:
        """The value of a field, blank if there is none or if it is invalid."""
        self.full_clean()
        return str(self.cleaned_data.get(name, ""))


class GroupsSearch(PeopleSearch):
    """The search in the groups of a directory."""

    placeholder: ClassVar = _("Start of a name")


class ActivityForm(forms.Form):
    action = forms.ChoiceField(
        required=False,
        label=_("Action"),
        choices=lambda: [
            ("", gettext("All actions")),
            *(
                (str(label), [(action.value, action.label) for action in actions])
                for label, actions in ACTION_GROUPS
            ),
        ],
    )
    person = forms.CharField(required=False, max_length=150, label=_("Person"))
    since = forms.DateField(required=False, label=_("From"), widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label=_("To"), widget=forms.DateInput({"type": "date"}))
