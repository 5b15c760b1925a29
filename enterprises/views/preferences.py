"""The page on which a person chooses the mails that they want."""

from django import forms
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from enterprises.models import NotificationKind
from enterprises.preferences import save_wanted_kinds, wanted_kinds


class PreferencesForm(forms.Form):
    wanted = forms.MultipleChoiceField(choices=NotificationKind.choices, required=False)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def edit_preferences(request: HttpRequest) -> HttpResponse:
    """A GET changes nothing: mail programs open links without being asked."""
    # login_required has seen to it.
    assert isinstance(request.user, AbstractBaseUser)  # noqa: S101
    if request.method == "POST":
        form = PreferencesForm(request.POST)
        if form.is_valid():
            save_wanted_kinds(request.user, form.cleaned_data["wanted"])
            messages.success(request, _("Notifications saved."))
        else:
            messages.error(request, _("That isn't a notification. Nothing was changed."))
        return redirect("enterprises:notification_preferences")
    context = {"kinds": NotificationKind, "wanted": wanted_kinds(request.user)}
    return render(request, "enterprises/notification_preferences.html", context)
