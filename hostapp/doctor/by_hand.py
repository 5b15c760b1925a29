"""What no API can check: a person looks at it in the WorkOS Dashboard and confirms it, by name."""

from collections.abc import Iterator, Mapping

from enterprises import conf as enterprises_conf
from hostapp.doctor.findings import Finding, Result
from hostapp.models import ConfirmedStep

# In the order of the production checklist of the Admin Portal's guide.
STEPS: Mapping[str, str] = {
    "default-redirect": "Redirects: the Admin Portal's default return URL is https, and leads to {site}.",
    "portal-domain": "Redirects: the domain of {site} is allowed for the Admin Portal's return URLs.",
    "redirect-uris": "Redirects: the redirect URIs of sign-in are https, and lead to {site}.",
    "sign-in-consent": "Authentication: the consent screen and the support address are yours.",
    "soft-delete": "Directory Sync: you know whether soft delete is on (docs/directory-people.md).",
    "allow-list": "Your firewall lets WorkOS post webhooks and this host call its API, or lets all.",
    "branding": "Branding: your logo and colours are set; a custom domain's host is in WORKOS_LINK_HOSTS.",
}


def check_by_hand() -> Iterator[Finding]:
    confirmed = {one.step: one for one in ConfirmedStep.objects.all()}
    for step, text in STEPS.items():
        wanted = text.format(site=enterprises_conf.site_url())
        if one := confirmed.get(step):
            detail = f"{wanted} Confirmed by {one.confirmed_by} on {one.confirmed_at:%Y-%m-%d}."
            yield Finding(f"by_hand.{step}", Result.CONFIRMED, detail)
        else:
            command = f'manage.py doctor --done {step} --by "Your name"'
            fix = f"Look at it in the WorkOS Dashboard, then run `{command}`."
            yield Finding(f"by_hand.{step}", Result.TO_CONFIRM, wanted, fix)
