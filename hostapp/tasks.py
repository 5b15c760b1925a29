"""What the worker does. `TASKS`, `STEPS` and `PERIODIC_JOBS` are the whole list."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop

from enterprises import (
    access_grants,
    certificate_reminders,
    failures,
    hooks,
    invitations,
    it_contacts,
    lifecycle,
    mail,
    memberships,
    notifications,
    people_reconcile,
    provisioning,
    rate_limits,
    reconcile,
    state_notifications,
)
from enterprises import conf as enterprises_conf
from enterprises.tasks import TaskKind, enterprise_task, enterprise_tasks
from hostapp import password_notices, password_reset, sessions, sign_in
from mirror import people_counts
from outbox.handlers import NotifiedStep, PeriodicJob, Step, TaskHandler
from portal import launches, link_revocation
from portal import tasks as portal_tasks
from portal.setup_links import revoking
from webhooks import catch_up, inbox, pruning
from webhooks import conf as webhooks_conf
from webhooks.receive.wake_ups import CHANNEL

# The project's hook runs alone on its connection, which is then reset: nothing it leaves behind matters.
TASKS: dict[str, TaskHandler] = {
    TaskKind.PROVISION: TaskHandler(
        gettext_noop("Provision"), enterprise_task(provisioning.run_provisioning)
    ),
    TaskKind.RECONCILE: TaskHandler(
        gettext_noop("Reconcile with WorkOS"), enterprise_task(reconcile.run_reconcile)
    ),
    TaskKind.NOTIFY_STATE: TaskHandler(
        gettext_noop("Send a state notification"),
        enterprise_task(state_notifications.notify_of_state),
        run_all=enterprise_tasks(state_notifications.notify_of_states),
    ),
    TaskKind.NOTIFY: TaskHandler(gettext_noop("Send a notification"), enterprise_task(notifications.notify)),
    TaskKind.SEND_NOTIFICATION: TaskHandler(
        gettext_noop("Mail a notification to one person"),
        enterprise_task(notifications.send_notification),
        around=mail.share_connection,
    ),
    TaskKind.SEND_TO_ADDRESS: TaskHandler(
        gettext_noop("Mail a person about their access"),
        enterprise_task(notifications.send_to_address),
        around=mail.share_connection,
    ),
    TaskKind.REMIND_OF_CERTIFICATE: TaskHandler(
        gettext_noop("Send a certificate reminder"),
        enterprise_task(certificate_reminders.remind_of_certificate),
    ),
    TaskKind.RUN_PROVISIONED_HOOK: TaskHandler(
        gettext_noop("Run the hook after provisioning"), enterprise_task(hooks.run_provisioned_hook), most=1
    ),
    TaskKind.PUSH_NAME: TaskHandler(
        gettext_noop("Send the name to WorkOS"), enterprise_task(lifecycle.push_name)
    ),
    TaskKind.PUSH_DOMAIN: TaskHandler(
        gettext_noop("Add or remove a domain in WorkOS"), enterprise_task(lifecycle.push_domain)
    ),
    TaskKind.SYNC_IT_CONTACTS: TaskHandler(
        gettext_noop("Sync IT contacts"), enterprise_task(it_contacts.run_it_contact_sync)
    ),
    TaskKind.DELETE_ORGANIZATION: TaskHandler(
        gettext_noop("Delete the organization"), enterprise_task(lifecycle.delete_organization)
    ),
    TaskKind.SEND_INVITATION: TaskHandler(
        gettext_noop("Send an invitation"),
        enterprise_task(invitations.send_invitation),
        around=mail.share_connection,
    ),
    TaskKind.SEND_PASSWORD_LINK: TaskHandler(
        gettext_noop("Send the link to set a password"),
        enterprise_task(memberships.send_password_link),
        around=mail.share_connection,
    ),
    password_reset.SEND_PASSWORD_RESET: TaskHandler(
        gettext_noop("Send the link to reset a password"),
        password_reset.send_password_reset,
        around=mail.share_connection,
    ),
    password_notices.SEND_PASSWORD_NOTICE: TaskHandler(
        gettext_noop("Mail a person that a new password was set"),
        password_notices.send_password_notice,
        around=mail.share_connection,
    ),
    portal_tasks.REVOKE_PORTAL_LINKS: TaskHandler(
        gettext_noop("Revoke portal links"), enterprise_task(link_revocation.run_portal_link_revocation)
    ),
    portal_tasks.REVOKE_SETUP_LINK: TaskHandler(
        gettext_noop("Revoke a setup link"), enterprise_task(revoking.run_setup_link_revocation)
    ),
    people_reconcile.RECONCILE_PEOPLE: TaskHandler(
        gettext_noop("Reconcile directory people"), people_reconcile.run_people_reconcile, threads=1
    ),
    catch_up.CATCH_UP: TaskHandler(
        gettext_noop("Catch up with WorkOS's events"), catch_up.run_catch_up, threads=1
    ),
}

STEPS: Mapping[str, Step] = {"Events": NotifiedStep(inbox.apply_waiting, CHANNEL)}

# Intervals in seconds. A job only enqueues what takes long: the others must not wait for it.
_JOBS: Sequence[PeriodicJob] = (
    PeriodicJob("Lost access", 30, access_grants.announce_lost_access),
    PeriodicJob("Interrupted launches", 5, launches.end_interrupted_launches),
    PeriodicJob("Expired sessions", 86_400, sessions.delete_expired_sessions),
    PeriodicJob("Old sign-in attempts", 300, sign_in.delete_old_attempts),
    PeriodicJob("Missed setup link revocations", 30, revoking.enqueue_missed_revocations),
    PeriodicJob("Ended setup link contacts", 30, revoking.end_contacts_of_ended_links),
    PeriodicJob("Missed IT contacts", 60, it_contacts.enqueue_missed_syncs),
    PeriodicJob("Expired waiting events", 3600, inbox.ignore_events_of_unknown_organizations),
    PeriodicJob("Merged counts of directories", 60, people_counts.merge_counts),
    PeriodicJob("Pruned events", 86_400, pruning.prune_expired_events),
    PeriodicJob("Pruned refusals of mail", 86_400, mail.prune_undeliverable_addresses),
    PeriodicJob("Pruned failures", 86_400, failures.prune_failures),
    PeriodicJob("Pruned rate limits", 3600, rate_limits.prune_counts),
    PeriodicJob("Reconcile", enterprises_conf.reconcile_interval(), reconcile.enqueue_all),
    PeriodicJob(
        "People", min(enterprises_conf.reconcile_interval(), 600), people_reconcile.enqueue_people_reconcile
    ),
    PeriodicJob("Catch-up", webhooks_conf.catch_up_interval(), catch_up.enqueue_catch_up),
)

# A setting of 0 switches a job off.
PERIODIC_JOBS: Sequence[PeriodicJob] = tuple(job for job in _JOBS if job.interval)
