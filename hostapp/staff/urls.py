from django.urls import path

from hostapp.staff import views

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
]
