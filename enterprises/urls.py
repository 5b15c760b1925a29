from django.urls import path

from enterprises.views import activity, invitations, members, people, preferences

app_name = "enterprises"

urlpatterns = [
    path("enterprises/<slug:slug>/members/", members.list_members, name="members"),
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
    path("enterprises/<slug:slug>/history/", activity.list_activity, name="activity"),
    path("enterprises/<slug:slug>/history/export/", activity.export_activity, name="activity_export"),
    path("enterprises/<slug:slug>/directory/", people.list_people, name="people"),
    path("enterprises/<slug:slug>/directory/groups/", people.list_groups, name="groups"),
    path("enterprises/<slug:slug>/directory/people/<int:number>/", people.show_person, name="person"),
    path("enterprises/<slug:slug>/directory/groups/<int:number>/", people.show_group, name="group"),
    path("account/notifications/", preferences.edit_preferences, name="notification_preferences"),
    path("invitations/accept/", invitations.accept_invitation, name="join"),
    path("invitations/<str:token>/", invitations.open_invitation, name="invitation"),
]
