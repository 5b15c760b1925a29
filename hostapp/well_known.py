"""Addresses that browsers, password managers and crawlers ask every site for."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView


@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """The icon, for those who do not read the page's `link` to it."""
    return HttpResponseRedirect(static(settings.PRODUCT_LOGO))


@cache_control(public=True, max_age=86_400)
def robots(request: HttpRequest) -> HttpResponse:
    """Keep crawlers out: all pages are behind a sign-in, and a link in a mail is for one person."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


urlpatterns = [
    path("favicon.ico", favicon, name="favicon"),
    path("robots.txt", robots, name="robots"),
    # Password managers lead people there: https://w3c.github.io/webappsec-change-password-url/.
    path(
        ".well-known/change-password",
        RedirectView.as_view(pattern_name="password_change"),
        name="well_known_change_password",
    ),
]
