"""Do what must still be told to WorkOS. `ERRANDS`, at the end, is the whole list.

An errand is recorded in the transaction of the change that asks for it (`Errand.objects.record`) and done by
the worker until it succeeds. Its function is called with the errand outside any transaction, may be called
again after a kill or a lost answer, and either returns (done) or raises (tried again, later each time).
"""

import logging
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

import gateway
from enterprises import afterwards, changing, invitations, notices, people, provisioning, refresh, setup_links
from enterprises.models import Errand

logger = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=6)


def run_due(*, now: datetime, size: int = 20) -> Counter[str]:
    """Do at most `size` of those due at `now` and say how many ended how; empty when none was due.

    A kill at any moment loses nothing: what was in hand is due again when its lease ends.
    """
    outcomes: Counter[str] = Counter()
    for _ in range(size):
        errand = Errand.objects.claim(now)
        if errand is None:
            break
        outcomes[_run(errand)] += 1
    return outcomes


def _run(errand: Errand) -> str:
    try:
        ERRANDS[errand.kind](errand)
    except (OperationalError, InterfaceError):
        # The database is away: the lease brings the errand back.
        raise
    except Exception as error:
        # Whatever it raises is this errand's failure, kept on it: it must not stop the others.
        _put_off(errand, error)
        return "put off"
    Errand.objects.done(errand)
    return "done"


def _put_off(errand: Errand, error: Exception) -> None:
    if isinstance(error, gateway.GatewayError):
        # Its words are ours and meant to be read.
        reason, at_least = str(error), error.retry_after or 0.0
    else:
        reason, at_least = f"{type(error).__name__}: {error}"[:2000], 0.0
    logger.warning(
        "Errand %s (%s) did not succeed at attempt %s: %s",
        errand.pk, errand.kind, errand.attempts, type(error).__name__,
    )  # fmt: skip
    delay = max(retry_delay(errand.attempts), timedelta(seconds=at_least))
    Errand.objects.put_off(errand, reason, until=timezone.now() + delay)


def retry_delay(attempts: int) -> timedelta:
    """Doubled each time, at most six hours, and a little by chance so that failures do not come in step."""
    delay: timedelta = min(_FIRST_RETRY * 2 ** min(attempts - 1, 20), _LONGEST_RETRY)
    return delay * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret


def provision(errand: Errand) -> None:
    if not errand.enterprise.deprovisioned_at:
        provisioning.provision(errand.enterprise)


def revoke_links(errand: Errand) -> None:
    people.do_revoke_links(errand, at=timezone.now())


ERRANDS: dict[str, Callable[[Errand], None]] = {
    Errand.Kind.PROVISION: provision,
    Errand.Kind.REFRESH: refresh.run,
    Errand.Kind.NOTICE: notices.run,
    Errand.Kind.REMINDER: notices.remind,
    Errand.Kind.REVOKE_SETUP_LINK: setup_links.run_revocation,
    Errand.Kind.AFTER_PROVISIONING: afterwards.run_hook,
    Errand.Kind.RENAME: changing.push_name,
    Errand.Kind.PUSH_DOMAIN: changing.push_domain,
    Errand.Kind.DELETE_ORGANIZATION: changing.delete_organization,
    Errand.Kind.REVOKE_LINKS: revoke_links,
    Errand.Kind.MAIL_INVITATION: invitations.mail,
}
