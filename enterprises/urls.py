from django.urls import path

from enterprises import views

urlpatterns = [
    path("staff/enterprises/", views.staff_enterprises, name="staff_enterprises"),
    path("staff/enterprises/new/", views.staff_provision, name="staff_provision"),
    path(
        "staff/enterprises/<slug:slug>/provision/", views.staff_provision_again, name="staff_provision_again"
    ),
]
