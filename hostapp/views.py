"""The home page, and the page on which a person sets a password."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from enterprises import access
from hostapp.url_tokens import NO_TOKEN


@login_required
def home(request: HttpRequest) -> HttpResponse:
    memberships = list(access.memberships_of(request.user))
    # With one enterprise there is nothing to choose, except for staff.
    if len(memberships) == 1 and not request.user.is_staff:
        return redirect(memberships[0].enterprise)
    if request.user.is_staff and not memberships:
        return redirect("staff:customers")
    return render(request, "hostapp/home.html", {"memberships": memberships})


class SetPasswordView(PasswordResetConfirmView):
    """Moves the token from the URL to the session, and removes an invalid token from the URL, too."""

    reset_url_token = NO_TOKEN

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        if not self.validlink and self.kwargs["token"] != NO_TOKEN:
            return redirect("password_reset_confirm", self.kwargs["uidb64"], NO_TOKEN)
        return super().render_to_response(context, **response_kwargs)
