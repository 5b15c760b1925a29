from django.urls import re_path

from webhooks import views

urlpatterns = [
    # With or without the last slash: a redirect would lose the POST.
    re_path(r"^webhooks/workos/?$", views.receive, name="receive_webhook"),
]
