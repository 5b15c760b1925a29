from django.urls import path

from hostapp.staff import views, webhooks

app_name = "staff"

urlpatterns = [
    path("staff/enterprises/", views.list_enterprises, name="customers"),
    # Not under staff/enterprises/, where a customer's slug may be any word.
    path("staff/provision-enterprise/", views.provision_enterprise, name="provision"),
    path("staff/enterprises/<slug:slug>/", views.show_enterprise, name="customer"),
    path(
        "staff/enterprises/<slug:slug>/provision/", views.provision_enterprise_again, name="provision_again"
    ),
    path("staff/enterprises/<slug:slug>/deprovision/", views.deprovision_enterprise, name="deprovision"),
    path("staff/webhooks/", webhooks.show_webhooks, name="webhooks"),
    path("staff/webhooks/retry-failed/", webhooks.retry_events, name="retry_events"),
    # An event's id is any short text: WorkOS chooses it.
    path("staff/webhooks/events/<path:event_id>/", webhooks.show_event, name="event"),
    path("staff/webhooks/replay/<path:event_id>/", webhooks.replay_event, name="event_replay"),
    path("staff/webhooks/retry/<path:event_id>/", webhooks.retry_event, name="event_retry"),
]
