from typing import Any

from django import template
from django.urls import reverse

from enterprises import conf
from enterprises.models import Enterprise

register = template.Library()


@register.inclusion_tag("enterprises/nav.html", takes_context=True)
def enterprise_nav(context: template.Context, enterprise: Enterprise, *, is_it_admin: bool) -> dict[str, Any]:
    """The tabs of an enterprise's pages, as ENTERPRISES_NAV lists them: one is the page, or above it."""
    path = context["request"].path
    items = [
        (item.label, reverse(item.url_name, args=[enterprise.slug]))
        for item in conf.nav_items()
        if is_it_admin or not item.for_it_admins_only
    ]
    above = max((url for _, url in items if path.startswith(url)), key=len, default="")
    return {"enterprise": enterprise, "path": path, "items": items, "above": above}
