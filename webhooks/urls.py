from django.urls import re_path

from webhooks.receive import view

app_name = "webhooks"
urlpatterns = [
    # With or without the trailing slash: a redirect would lose the POST. The token is WORKOS_WEBHOOK_TOKEN.
    re_path(r"^webhooks/workos(?:/(?P<token>[A-Za-z0-9_-]+))?/?$", view.receive, name="receive"),
]
