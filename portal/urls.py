from django.urls import path

from portal import views
from portal.setup_links import views as setup_link_views

app_name = "portal"

urlpatterns = [
    path("enterprises/<slug:slug>/", views.show_overview, name="overview"),
    path("enterprises/<slug:slug>/status/", views.show_status, name="status"),
    path("enterprises/<slug:slug>/check/", views.check_now, name="check_now"),
    path("enterprises/<slug:slug>/setup-links/", setup_link_views.manage_setup_links, name="setup_links"),
    path(
        "enterprises/<slug:slug>/setup-links/<int:pk>/resend/",
        setup_link_views.resend_link,
        name="setup_link_resend",
    ),
    path(
        "enterprises/<slug:slug>/setup-links/<int:pk>/revoke/",
        setup_link_views.revoke_link,
        name="setup_link_revoke",
    ),
    path("enterprises/<slug:slug>/portal/<slug:intent>/", views.launch_portal, name="launch"),
    path("enterprises/<slug:slug>/portal/returned/<uuid:nonce>/", views.record_return, name="returned"),
    path("enterprises/<slug:slug>/portal/finished/<uuid:nonce>/", views.record_finish, name="finished"),
]
