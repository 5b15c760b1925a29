"""HTML pages: Jinja templates, and the security headers of every page."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(
    loader=PackageLoader("sandbox"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(
    template: str,
    *,
    status: int = 200,
    redirects_to: str | None = None,
    refreshes: bool = False,
    referrer: str = "no-referrer",
    **context: Any,
) -> web.Response:
    """Render `template`. `redirects_to` is the URL that a form of the page may redirect to.

    `refreshes`: the page fetches itself.
    `referrer` is "same-origin" for pages without a token in their URL: with "no-referrer", browsers send
    the Origin "null" with a form.
    """
    # Browsers apply `form-action` to redirects after a form, too.
    form_action = "'self'"
    if redirects_to:
        parts = urlsplit(redirects_to)
        form_action += f" {parts.scheme}://{parts.netloc}"
    connect = "connect-src 'self'; " if refreshes else ""
    return web.Response(
        text=_environment.get_template(template).render(**context),
        content_type="text/html",
        status=status,
        headers={
            "Cache-Control": "no-store",
            "Referrer-Policy": referrer,
            "Content-Security-Policy": (
                f"default-src 'none'; {connect}style-src 'self'; script-src 'self'; img-src 'self';"
                f" form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
    )
