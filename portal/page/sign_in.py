"""What the page says to members, who cannot change anything."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from enterprises.models import Enterprise
from mirror.models import DELETED, Connection
from portal.page import wording
from portal.page.providers import get_provider


def describe_sign_in(enterprise: Enterprise) -> str:
    """One line for members, who cannot change anything: `Your company signs in with Okta.`"""
    rows = list(
        Connection.objects.filter(organization=enterprise.organization_id)
        .exclude(state=DELETED)
        .order_by("-as_of")
    )
    brands: dict[str, list[str]] = {}
    for row in rows:
        brand = get_provider(row.connection_type).brand or _("your identity provider")
        known = brands.setdefault(row.state, [])
        if brand not in known:
            known.append(brand)
    if active := brands.get(Connection.State.ACTIVE):
        return _("Your company signs in with %(provider)s.") % {"provider": _join(active)}
    if off := brands.get(Connection.State.INACTIVE):
        note = str(wording.STATE_WORDINGS[Connection][Connection.State.INACTIVE].note)
        return f"{wording.SSO_IS_OFF} {note % {'provider': _join(off)}}"
    if rows:
        return _("Your company is setting up single sign-on.")
    return _("Your company hasn’t set up single sign-on yet.")


def _join(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}
