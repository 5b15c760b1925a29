from django.urls import path

from hostapp.staff import webhooks
from hostapp.staff.views import customer, customers, people, settings, tasks

app_name = "staff"

urlpatterns = [
    path("staff/enterprises/", customers.show_customers, name="customers"),
    # Not under staff/enterprises/, where a customer's slug may be any word.
    path("staff/provision-enterprise/", settings.provision_enterprise, name="provision"),
    path("staff/enterprises/<slug:slug>/", customer.show_customer, name="customer"),
    path("staff/enterprises/<slug:slug>/activity/", customer.show_activity, name="customer_activity"),
    path(
        "staff/enterprises/<slug:slug>/activity/export/",
        customer.export_activity,
        name="customer_activity_export",
    ),
    path("staff/enterprises/<slug:slug>/people/", people.list_people, name="customer_people"),
    path("staff/enterprises/<slug:slug>/people/invite/", people.invite_person, name="invite"),
    path(
        "staff/enterprises/<slug:slug>/invitations/<int:number>/resend/",
        people.resend_invitation,
        name="resend_invitation",
    ),
    path("staff/enterprises/<slug:slug>/settings/", settings.change_enterprise, name="customer_settings"),
    path("staff/enterprises/<slug:slug>/tasks/<int:number>/retry/", tasks.retry_task, name="retry_task"),
    path(
        "staff/enterprises/<slug:slug>/provision/",
        settings.provision_enterprise_again,
        name="provision_again",
    ),
    path("staff/enterprises/<slug:slug>/deprovision/", settings.deprovision_enterprise, name="deprovision"),
    path("staff/webhooks/", webhooks.show_webhooks, name="webhooks"),
    path("staff/webhooks/retry-failed/", webhooks.retry_events, name="retry_events"),
    # An event's id is any short text: WorkOS chooses it.
    path("staff/webhooks/events/<path:event_id>/", webhooks.show_event, name="event"),
    path("staff/webhooks/replay/<path:event_id>/", webhooks.replay_event, name="event_replay"),
    path("staff/webhooks/retry/<path:event_id>/", webhooks.retry_event, name="event_retry"),
]
