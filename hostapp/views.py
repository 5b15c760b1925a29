from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from enterprises import access
from hostapp.sign_in import know_browser
from hostapp.url_tokens import NO_TOKEN


@login_required
def home(request: HttpRequest) -> HttpResponse:
    memberships = list(access.memberships_of(request.user))
    # A person with one enterprise has nothing to choose, unless they are staff, too.
    if len(memberships) == 1 and not request.user.is_staff:
        return redirect(memberships[0].enterprise)
    if request.user.is_staff and not memberships:
        return redirect("staff:customers")
    return render(request, "hostapp/home.html", {"memberships": memberships})


class SetPasswordView(PasswordResetConfirmView):
    """Moves the token out of the address, also one that is not valid."""

    reset_url_token = NO_TOKEN

    def form_valid(self, form: Any) -> HttpResponse:
        # The mail proves who they are: strangers' attempts cannot keep them from signing in now.
        know_browser(self.request, form.user)
        return super().form_valid(form)

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        if not self.validlink and self.kwargs["token"] != NO_TOKEN:
            return redirect("password_reset_confirm", self.kwargs["uidb64"], NO_TOKEN)
        return super().render_to_response(context, **response_kwargs)
