"""Mails about a person's role or access: to all IT admins, and to the person.

They are security mails, which nobody can turn off. `enqueue_access_mails` is called in the transaction of the
change. The person gets a mail of their own instead of the IT admins' one. An IT admin who acted gets the IT
admins' mail, too: if someone else used their account, they learn of it.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audit.actor import COMMAND_LINE, Actor
from enterprises import access, conf
from enterprises.mail import Mail, build_enterprise_url, build_facts, build_subject, describe_actor
from enterprises.models import Enterprise, NotificationKind
from enterprises.notifications import build_it_admin_mail, build_it_admin_task, enqueue_notification
from enterprises.tasks import TaskKind
from outbox import queue


class AccessChange(enum.Enum):
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    REMOVED = "removed"
    # Whatever ended it: a deactivated account, the ORM, or SQL.
    ENDED = "ended"


@dataclass(frozen=True)
class Person:
    """Whose access changed. Their account may be deleted by the time that the mail is sent."""

    user_id: int
    email: str
    name: str


@dataclass(frozen=True)
class _Words:
    """With the placeholders `person`, `enterprise`, and in `by_actor` also `actor`."""

    subject: str
    by_actor: str
    # If nobody knows who acted, or the person did.
    passive: str
    explanation: str
    subject_to_person: str
    heading_to_person: str


_WORDS = {
    AccessChange.PROMOTED: _Words(
        gettext_noop("%(person)s is now an IT admin"),
        gettext_noop("%(actor)s made %(person)s an IT admin of %(enterprise)s"),
        gettext_noop("%(person)s is now an IT admin of %(enterprise)s"),
        gettext_noop("IT admins can manage single sign-on, directory sync and members, and view activity."),
        gettext_noop("You're now an IT admin"),
        gettext_noop("You're now an IT admin of %(enterprise)s"),
    ),
    AccessChange.DEMOTED: _Words(
        gettext_noop("%(person)s is no longer an IT admin"),
        gettext_noop("%(actor)s changed the role of %(person)s in %(enterprise)s from IT admin to member"),
        gettext_noop("%(person)s is no longer an IT admin of %(enterprise)s"),
        gettext_noop("Portal links and setup links that they opened or sent stop working."),
        gettext_noop("You're no longer an IT admin"),
        gettext_noop("You're no longer an IT admin of %(enterprise)s"),
    ),
    AccessChange.REMOVED: _Words(
        gettext_noop("%(person)s was removed"),
        gettext_noop("%(actor)s removed %(person)s from %(enterprise)s"),
        gettext_noop("%(person)s left %(enterprise)s"),
        gettext_noop("They no longer have access. You can invite them again at any time."),
        gettext_noop("You no longer have access"),
        gettext_noop("You no longer have access to %(enterprise)s"),
    ),
    AccessChange.ENDED: _Words(
        gettext_noop("%(person)s no longer has access"),
        gettext_noop("%(actor)s ended the access of %(person)s to %(enterprise)s"),
        gettext_noop("%(person)s no longer has access to %(enterprise)s"),
        gettext_noop("Portal links and setup links that they opened or sent stop working."),
        gettext_noop("You no longer have access"),
        gettext_noop("You no longer have access to %(enterprise)s"),
    ),
}


def enqueue_access_mails(
    enterprise: Enterprise,
    person: Person,
    change: AccessChange,
    actor: Actor,
    now: datetime,
    *,
    is_person_told: bool = True,
) -> None:
    """Mail all IT admins and the person. `is_person_told` is False if another mail tells the person."""
    # A change of a role at another time is another notification.
    about = f"{change.value} {person.user_id} {now.isoformat()}"
    enqueue_notification(
        enterprise,
        _build_it_admins_mail(enterprise, person, change, actor, now),
        about=about,
        excluded_user_id=person.user_id,
    )
    if is_person_told:
        queue.enqueue(
            TaskKind.SEND_TO_ADDRESS,
            enterprise.external_id,
            key=about,
            arguments={
                "email": person.email,
                "mail": _build_person_mail(enterprise, person, change, actor, now).as_arguments(),
            },
        )


def enqueue_joined_mails(
    enterprise: Enterprise,
    person: Person,
    *,
    as_it_admin: bool,
    inviter_id: int | None,
    actor: Actor,
    now: datetime,
) -> None:
    """Mail all IT admins that a new one joined; only the inviter, if they want it, that a member did."""
    names = {"person": person.name, "enterprise": enterprise.name}
    about = f"joined {person.user_id} {now.isoformat()}"
    if as_it_admin:
        mail = build_it_admin_mail(
            enterprise,
            subject=_("%(person)s joined as an IT admin") % names,
            heading=_("%(person)s accepted an invitation and is now an IT admin of %(enterprise)s") % names,
            paragraphs=[_(_WORDS[AccessChange.PROMOTED].explanation), _explain_what_to_do()],
            facts=build_facts(actor, now),
            button=_("Review members"),
            url=_build_members_url(enterprise),
        )
        enqueue_notification(enterprise, mail, about=about, excluded_user_id=person.user_id)
    elif inviter_id is not None:
        mail = build_it_admin_mail(
            enterprise,
            subject=_("%(person)s joined") % names,
            heading=_("%(person)s accepted your invitation to %(enterprise)s") % names,
            facts=build_facts(actor, now),
            button=_("View members"),
            url=_build_members_url(enterprise),
            is_optional=True,
        )
        preference = NotificationKind.INVITATION_ACCEPTED.value
        queue.enqueue_all(
            [build_it_admin_task(enterprise, inviter_id, mail, about=about, preference=preference)]
        )


def _build_it_admins_mail(
    enterprise: Enterprise, person: Person, change: AccessChange, actor: Actor, now: datetime
) -> Mail:
    words = _WORDS[change]
    names = {"person": person.name, "enterprise": enterprise.name, "actor": _name_actor(actor)}
    is_by_another = names["actor"] and actor.user_id != person.user_id
    heading = words.by_actor if is_by_another else words.passive
    return build_it_admin_mail(
        enterprise,
        subject=_(words.subject) % names,
        heading=_(heading) % names,
        paragraphs=[_(words.explanation), _explain_what_to_do()],
        facts=[*build_facts(actor, now), (_("Person"), _describe(person))],
        button=_("Review members"),
        url=_build_members_url(enterprise),
    )


def _build_person_mail(
    enterprise: Enterprise, person: Person, change: AccessChange, actor: Actor, now: datetime
) -> Mail:
    words = _WORDS[change]
    names = {"enterprise": enterprise.name}
    has_access = change in (AccessChange.PROMOTED, AccessChange.DEMOTED)
    if change == AccessChange.PROMOTED:
        explanation = _("You can now manage single sign-on, directory sync and members, and view activity.")
    elif change == AccessChange.DEMOTED:
        explanation = _("You're still a member and can view the status of single sign-on.")
    else:
        explanation = _("If this is a mistake, ask an IT admin to invite you again.")
    contacts = [one for one in access.it_admins_of(enterprise) if one.pk != person.user_id][:3]
    facts = build_facts(actor, now, shows_ip=change == AccessChange.PROMOTED)
    if contacts and change != AccessChange.PROMOTED:
        described = [_describe(Person(one.pk, one.get_username(), one.get_full_name())) for one in contacts]
        facts.append((_("Who to ask"), ", ".join(described)))
    reason = _("Your access to %(enterprise)s on %(product)s changed.")
    return Mail(
        subject=build_subject(_(words.subject_to_person), enterprise.name),
        heading=_(words.heading_to_person) % names,
        paragraphs=[explanation],
        facts=facts,
        button=_("Open %(enterprise)s") % names if has_access else _("Contact support"),
        url=build_enterprise_url(enterprise) if has_access else f"mailto:{conf.support_email()}",
        reason=reason % {**names, "product": conf.product_name()},
        # An account of another enterprise may be left, but not here.
        is_optional=False if has_access else None,
    )


def _explain_what_to_do() -> str:
    return _("If nobody at your company meant to do this, review your members and contact support.")


def _build_members_url(enterprise: Enterprise) -> str:
    return f"{conf.site_url()}{reverse('enterprises:members', args=[enterprise.slug])}"


def _describe(person: Person) -> str:
    return person.email if person.name in ("", person.email) else f"{person.name} <{person.email}>"


def _name_actor(actor: Actor) -> str:
    """`Ada Adeyemi`, for a sentence; blank if nobody knows who acted."""
    if actor == COMMAND_LINE:
        return describe_actor(actor)
    if actor.user_id is None:
        return ""
    user = get_user_model().objects.filter(pk=actor.user_id).first()
    return str(user.get_full_name()) if user else ""
