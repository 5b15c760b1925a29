from django.urls import path

from enterprises.views import joining, members, past, staff

urlpatterns = [
    path("enterprises/<slug:slug>/members/", members.members, name="members"),
    path("enterprises/<slug:slug>/members/invite/", members.invite, name="invite"),
    path(
        "enterprises/<slug:slug>/invitations/<int:number>/resend/",
        members.resend_invitation,
        name="resend_invitation",
    ),
    path(
        "enterprises/<slug:slug>/invitations/<int:number>/revoke/",
        members.revoke_invitation,
        name="revoke_invitation",
    ),
    path("enterprises/<slug:slug>/members/<int:number>/role/", members.change_role, name="change_role"),
    path("enterprises/<slug:slug>/members/<int:number>/remove/", members.remove_member, name="remove_member"),
    path("enterprises/<slug:slug>/history/", past.past, name="history"),
    path("enterprises/<slug:slug>/history/export/", past.export, name="history_export"),
    path("invitations/accept/", joining.join, name="join"),
    path("invitations/<str:token>/", joining.invitation, name="invitation"),
    path("staff/enterprises/", staff.staff_enterprises, name="staff_enterprises"),
    path("staff/enterprises/new/", staff.staff_provision, name="staff_provision"),
    path("staff/enterprises/<slug:slug>/", staff.staff_enterprise, name="staff_enterprise"),
    path(
        "staff/enterprises/<slug:slug>/provision/", staff.staff_provision_again, name="staff_provision_again"
    ),
    path("staff/enterprises/<slug:slug>/deprovision/", staff.staff_deprovision, name="staff_deprovision"),
]
