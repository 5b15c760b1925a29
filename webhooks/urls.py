from django.urls import re_path

from webhooks import views

urlpatterns = [
    # With or without the last slash: a redirect would lose the POST. The last part is WORKOS_WEBHOOK_TOKEN.
    re_path(r"^webhooks/workos(?:/(?P<token>[A-Za-z0-9_-]+))?/?$", views.receive, name="receive_webhook"),
]
