"""The kinds of outbox tasks that portal enqueues. hostapp maps each to the function that runs it."""

REVOKE_PORTAL_LINKS = "revoke_portal_links"
# Its key is the primary key of the SetupLink.
REVOKE_SETUP_LINK = "revoke_setup_link"
