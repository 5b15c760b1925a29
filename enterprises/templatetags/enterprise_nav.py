from django import template
from django.urls import reverse

from enterprises import conf
from enterprises.models import Enterprise

register = template.Library()


# Not an inclusion tag: that would run all context processors a second time.
@register.simple_tag(takes_context=True)
def enterprise_tabs(
    context: template.Context, enterprise: Enterprise, *, is_it_admin: bool
) -> list[tuple[str, str, str]]:
    """The tabs of an enterprise's pages, as ENTERPRISES_NAV lists them: label, URL, and `aria-current`.

    That is `page` for the page itself, `true` for the page above it, and blank for the others.
    """
    path = context["request"].path
    items = [
        (item.label, reverse(item.url_name, args=[enterprise.slug]))
        for item in conf.nav_items()
        if is_it_admin or not item.for_it_admins_only
    ]
    above = max((url for _, url in items if path.startswith(url)), key=len, default="")
    return [(label, url, _describe_place(url, path, above)) for label, url in items]


def _describe_place(url: str, path: str, above: str) -> str:
    if url == path:
        return "page"
    return "true" if url == above else ""
