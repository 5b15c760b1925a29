"""All URLs of the application."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from django.views.generic import RedirectView

from hostapp import views
from hostapp.password_reset import RequestPasswordResetView
from hostapp.sign_in import SignInForm

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
    path("account/login/", LoginView.as_view(authentication_form=SignInForm), name="login"),
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

handler500 = "hostapp.errors.show_error"
