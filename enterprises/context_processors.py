"""The settings that the pages of an enterprise need, here and in the packages above."""

from django.http import HttpRequest

from enterprises import conf


def interface(request: HttpRequest) -> dict[str, str]:
    return {
        "base_template": conf.base_template(),
        "staff_header_template": conf.staff_header_template(),
        "home_url": conf.home_url(),
        "support_email": conf.support_email(),
    }
