"""The path that WorkOS posts deliveries to, as a regular expression. The token is WORKOS_WEBHOOK_TOKEN."""

# With or without the trailing slash: a redirect would lose the POST.
PATH = r"webhooks/workos(?:/(?P<token>[A-Za-z0-9_-]+))?/?"
