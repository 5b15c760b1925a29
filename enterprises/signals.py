"""The signal that the enterprises send."""

from django.dispatch import Signal

# Sent inside the transaction in which a person is removed, demoted, deactivated or deleted, with `membership`
# (its `role` is the role that ended), `username`, `actor` and `now`. The row may be unsaved or deleted, and
# its user may be deleted: use `membership.user_id` and `username`.
access_ended = Signal()
