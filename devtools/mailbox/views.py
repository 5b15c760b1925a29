"""The pages of the mailbox. Nobody needs to sign in, since the mails hold the links with which one does."""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from devtools.mailbox.files import StoredMail, list_names, read_mail

View = Callable[..., HttpResponse]

_allow_own_frames: Callable[[Any], Any] = csp_update({"frame-src": [SELF]})
_isolate: Callable[[Any], Any] = csp(
    {
        "default-src": [NONE],
        # Mails have inline styles. Nothing else of a mail is loaded or run.
        "style-src": [UNSAFE_INLINE],
        "frame-ancestors": [SELF],
        "sandbox": True,
    }
)


def _for_this_machine(view: View) -> View:
    """404 for others: a development server may listen to the whole network."""

    @wraps(view)
    def check(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return view(request, *arguments, **named)

    return check


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


@require_safe
@never_cache
@_for_this_machine
def list_mails(request: HttpRequest) -> HttpResponse:
    folder = Path(settings.DEV_MAILBOX)
    mails = [mail for name in list_names(folder) if (mail := read_mail(folder, name))]
    return render(request, "devtools/mailbox.html", {"mails": mails})


@require_safe
@never_cache
@_for_this_machine
@_allow_own_frames
def show_mail(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "devtools/mail.html", {"mail": _get_mail(name)})


@require_safe
@never_cache
@_for_this_machine
@xframe_options_sameorigin
@_isolate
def show_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(_get_mail(name).html)


def _get_mail(name: str) -> StoredMail:
    mail = read_mail(Path(settings.DEV_MAILBOX), name)
    if mail is None:
        raise Http404
    return mail
