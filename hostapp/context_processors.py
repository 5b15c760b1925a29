"""What every page needs: the product's look, and links to the rest of the SaaS."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest | None = None) -> dict[str, Any]:
    """`product` in templates; also for the error pages, which are rendered without a request."""
    return {
        "product": {
            "name": settings.PRODUCT_NAME,
            "logo": settings.PRODUCT_LOGO,
            "accent": settings.PRODUCT_ACCENT,
            "support_email": settings.SUPPORT_EMAIL,
            "url": settings.PRODUCT_URL,
            "help_url": settings.HELP_URL,
            "status_url": settings.STATUS_URL,
            "privacy_url": settings.PRIVACY_URL,
        }
    }
