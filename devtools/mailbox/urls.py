"""Included by the project in development only."""

from django.urls import path

from devtools.mailbox import views

app_name = "devtools"

urlpatterns = [
    path("", views.list_mails, name="mailbox"),
    path("<str:name>/", views.show_mail, name="mail"),
    path("<str:name>/html/", views.show_html, name="mail_html"),
]
