"""The account settings of the person who is signed in: name, time zone and sessions."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from hostapp import sessions
from hostapp.models import User
from hostapp.time_zones import list_time_zones


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        choices=lambda: [
            ("", _("The time zone of your browser")),
            *((name, name) for name in list_time_zones()),
        ],
    )

    class Meta:
        model = User
        fields = ["name", "time_zone"]
        labels = {"name": gettext_lazy("Name")}
        widgets = {"name": forms.TextInput({"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A person without one was created by staff: from here on, colleagues see a name.
        self.fields["name"].required = True


@login_required
def show_account(request: HttpRequest) -> HttpResponse:
    """The page, and the form for name and time zone."""
    user = cast("User", request.user)
    # A copy: the menu shows the stored name, not one that was refused.
    form = AccountForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=AccountForm.Meta.fields)
        messages.success(request, _("Your settings have been saved."))
        return redirect("account")
    context = {
        "form": form,
        "sessions": sessions.list_sessions(user, request.session, now=timezone.now()),
    }
    return render(request, "hostapp/account.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Sign out one other session. Repeating it is harmless."""
    sessions.end_session(cast("User", request.user), session_id)
    messages.success(request, _("The session has been signed out."))
    return redirect("account")


@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """GET asks for confirmation, POST ends every session, this one, too."""
    if request.method != "POST":
        return render(request, "hostapp/sign_out_everywhere.html")
    sessions.end_all_sessions(cast("User", request.user))
    logout(request)
    messages.success(request, _("You’ve been signed out everywhere."))
    return redirect("login")
