"""All URLs of the application."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from hostapp import account, views
from hostapp.password_reset import RequestPasswordResetView

urlpatterns = [
    path("", views.home, name="home"),
    path(
        "account/password_reset/",
        RequestPasswordResetView.as_view(),
        name="password_reset",
    ),
    path(
        "account/reset/<uidb64>/<token>/",
        views.SetPasswordView.as_view(),
        name="password_reset_confirm",
    ),
    path("account/login/", views.SignInView.as_view(), name="login"),
    path("account/password_change/", views.ChangePasswordView.as_view(), name="password_change"),
    path("account/", account.show_account, name="account"),
    path("account/sessions/<str:session_id>/end/", account.end_session, name="end_session"),
    path("account/sign_out_everywhere/", account.sign_out_everywhere, name="sign_out_everywhere"),
    path("account/", include("django.contrib.auth.urls")),
    path("", include("portal.urls")),
    path("", include("enterprises.urls")),
    path("", include("webhooks.urls")),
    path("", include("hostapp.staff.urls")),
    path("", include("hostapp.well_known")),
    # Staff sign in on the same page as everyone else.
    path(
        "admin/login/",
        RedirectView.as_view(pattern_name="login", query_string=True),
        name="administration_login",
    ),
    path("admin/", admin.site.urls),
]

if settings.DEV_MAILBOX:
    urlpatterns.append(path("dev/mailbox/", include("devtools.mailbox.urls")))

handler403 = "hostapp.errors.show_forbidden"
handler500 = "hostapp.errors.show_error"
