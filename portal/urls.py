from django.urls import path

from portal import setup_link_views, views

urlpatterns = [
    path("enterprises/<slug:slug>/", views.enterprise, name="enterprise"),
    path("enterprises/<slug:slug>/status/", views.enterprise_status, name="enterprise_status"),
    path("enterprises/<slug:slug>/check/", views.check_now, name="check_now"),
    path("enterprises/<slug:slug>/setup-links/", setup_link_views.setup_link_list, name="setup_links"),
    path(
        "enterprises/<slug:slug>/setup-links/<int:pk>/resend/",
        setup_link_views.setup_link_resend,
        name="setup_link_resend",
    ),
    path(
        "enterprises/<slug:slug>/setup-links/<int:pk>/revoke/",
        setup_link_views.setup_link_revoke,
        name="setup_link_revoke",
    ),
    path("enterprises/<slug:slug>/portal/<slug:intent>/", views.open_portal, name="open_portal"),
    path(
        "enterprises/<slug:slug>/portal/returned/<uuid:nonce>/", views.portal_returned, name="portal_returned"
    ),
    path(
        "enterprises/<slug:slug>/portal/finished/<uuid:nonce>/", views.portal_finished, name="portal_finished"
    ),
]
