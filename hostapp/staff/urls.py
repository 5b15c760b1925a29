from django.urls import path

from hostapp.staff import views

app_name = "staff"

urlpatterns = [
    path("staff/enterprises/", views.list_customers, name="customers"),
    # Not under staff/enterprises/, where a customer's slug may be any word.
    path("staff/provision-enterprise/", views.provision_customer, name="provision"),
    path("staff/enterprises/<slug:slug>/", views.show_customer, name="customer"),
    path("staff/enterprises/<slug:slug>/provision/", views.provision_customer_again, name="provision_again"),
    path("staff/enterprises/<slug:slug>/deprovision/", views.deprovision_customer, name="deprovision"),
]
