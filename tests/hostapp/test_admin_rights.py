"""The Django admin: each action asks for its right, and only superusers give rights and set passwords."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp.models import User
from outbox import queue
from outbox.models import Task
from tests.conftest import signed_in
from tests.enterprises.test_reauthentication import with_old_sign_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
NEW_PASSWORD = {
    "password1": "a very good battery",
    "password2": "a very good battery",
    "usable_password": "true",
}


def staff_with(*codenames: str) -> Client:
    user = User.objects.create_user("vic@saas.example", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return signed_in(user)


@pytest.fixture
def superuser(sam: User) -> Client:
    sam.is_superuser = True
    sam.save()
    return signed_in(sam)


def user_form(client: Client, user: User) -> dict[str, Any]:
    """What the change form of the admin would send, unchanged."""
    form = client.get(f"/admin/hostapp/user/{user.pk}/change/").context["adminform"].form
    data = {name: form[name].value() for name in form.fields if name != "password"}
    return {name: value for name, value in data.items() if value not in (None, False)}


def change(client: Client, user: User, **fields: Any) -> Any:
    data = {**user_form(client, user), **fields}
    return client.post(f"/admin/hostapp/user/{user.pk}/change/", {k: v for k, v in data.items() if v != ""})


@pytest.mark.parametrize(
    ("path", "action", "view", "right"),
    [
        ("enterprises/enterprise", "reconcile", "view_enterprise", "change_enterprise"),
        ("enterprises/enterprise", "provision_again", "view_enterprise", "change_enterprise"),
        ("outbox/task", "retry_now", "view_task", "change_task"),
    ],
)
def test_action_needs_the_right_to_change(
    acme: Enterprise, path: str, action: str, view: str, right: str
) -> None:
    queue.enqueue("push_name", acme.external_id)
    before = list(Task.objects.values_list("due_at", "requests"))
    selected = [acme.pk if path.startswith("enterprises") else Task.objects.get().pk]
    client = staff_with(view)

    page = client.get(f"/admin/{path}/")
    client.post(f"/admin/{path}/", {"action": action, "_selected_action": selected}, follow=True)

    assert page.status_code == 200
    assert f'value="{action}"' not in page.text
    assert list(Task.objects.values_list("due_at", "requests")) == before
    User.objects.get(email="vic@saas.example").user_permissions.add(Permission.objects.get(codename=right))
    assert f'value="{action}"' in client.get(f"/admin/{path}/").text


def retry_tasks(client: Client, tasks: list[Task], **fields: str) -> str:
    selected = [str(task.pk) for task in tasks]
    data = {"action": "retry_now", "_selected_action": selected, **fields}
    return client.post("/admin/outbox/task/", data, follow=True).text


def test_retry_of_many_tasks_asks_first_and_is_audited_under_the_person(
    acme: Enterprise, superuser: Client
) -> None:
    later = timezone.now() + timedelta(hours=1)
    for key in ("a.example", "b.example"):
        queue.enqueue("push_domain", acme.external_id, key=key)
    queue.enqueue("push_name", acme.external_id)
    queue.enqueue("push_name", queue.NO_SUBJECT)
    Task.objects.update(due_at=later, error="A reason.")
    tasks = list(Task.objects.all())
    Task.objects.filter(key="b.example").update(claimed_until=later)
    listed = superuser.get("/admin/outbox/task/").text

    question = retry_tasks(superuser, tasks)
    assert "Workers will run 4 tasks now" in question
    assert "<li>Add or remove a domain in WorkOS: 2</li><li>Send the name to WorkOS: 2</li>" in question
    assert not Task.objects.exclude(due_at=later).exists()
    answer = retry_tasks(superuser, tasks, confirmed="yes")

    assert acme.name in listed
    assert "3 tasks will run now." in answer
    assert "1 task was already about to run." in answer
    assert Task.objects.get(due_at=later).key == "b.example"
    entries = AuditEntry.objects.filter(action="task_retried")
    assert {entry.actor for entry in entries} == {"Sam Staff <sam@saas.example>"}
    assert sorted(entries.values_list("subject_name", "target")) == [
        ("", ""), (acme.name, ""), (acme.name, "a.example"),
    ]  # fmt: skip


def test_more_tasks_than_one_request_retries_are_left_alone(
    acme: Enterprise, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostapp.staff.admin._MAX_RETRIED", 1)
    for key in ("a.example", "b.example"):
        queue.enqueue("push_domain", acme.external_id, key=key, due_at=timezone.now() + timedelta(hours=1))

    answer = retry_tasks(superuser, list(Task.objects.all()), confirmed="yes")

    assert "Select at most 1 task" in answer
    assert not AuditEntry.objects.exists()


def test_every_admin_action_names_the_right_that_it_needs() -> None:
    from django.contrib import admin

    for model_admin in admin.site._registry.values():
        for name in model_admin.actions or ():
            action = getattr(model_admin, name) if isinstance(name, str) else name
            needed = set(getattr(action, "allowed_permissions", []))
            assert needed, f"{model_admin}: {name}"
            assert "view" not in needed, f"{model_admin}: {name}"


@pytest.mark.parametrize("field", ["is_superuser", "is_staff", "groups", "user_permissions", "email"])
def test_staff_who_change_people_cannot_give_rights_or_take_an_account(field: str, ada: User) -> None:
    client = staff_with("view_user", "change_user", "add_user")
    group = Group.objects.create(name="Everything")
    value: Any = {
        "groups": [group.pk],
        "user_permissions": [Permission.objects.get(codename="change_user").pk],
        "email": "vic2@saas.example",
    }.get(field, "on")

    response = change(client, ada, name="Ada A.", is_active="on", **{field: value})

    assert response.status_code == 302
    ada.refresh_from_db()
    assert ada.name == "Ada A."
    assert (ada.is_staff, ada.is_superuser, ada.email) == (False, False, "ada@acme.example")
    assert not ada.groups.exists()
    assert not ada.user_permissions.exists()


def test_staff_who_change_people_cannot_change_staff_or_themselves(sam: User) -> None:
    client = staff_with("view_user", "change_user")
    for user in (sam, User.objects.get(email="vic@saas.example")):
        response = client.post(f"/admin/hostapp/user/{user.pk}/change/", {"is_superuser": "on", "name": "x"})
        assert response.status_code == 403
        user.refresh_from_db()
        assert user.is_active
        assert not user.is_superuser


def test_only_superusers_set_the_password_of_another_person(ada: User, superuser: Client) -> None:
    path = f"/admin/hostapp/user/{ada.pk}/password/"
    staff = staff_with("view_user", "change_user")

    assert staff.get(path).status_code == 403
    assert staff.post(path, NEW_PASSWORD).status_code == 403
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)

    assert superuser.post(path, NEW_PASSWORD).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(NEW_PASSWORD["password1"])


def test_only_superusers_change_groups(superuser: Client) -> None:
    group = Group.objects.create(name="Helpers")
    permission = Permission.objects.get(codename="change_user")
    path, data = f"/admin/auth/group/{group.pk}/change/", {"name": "Helpers", "permissions": [permission.pk]}
    staff = staff_with("view_group", "change_group", "add_group", "delete_group")

    assert staff.post(path, data).status_code == 403
    assert staff.post("/admin/auth/group/add/", {"name": "Another"}).status_code == 403
    assert not group.permissions.exists()
    assert superuser.post(path, data).status_code == 302
    assert group.permissions.exists()


def test_rights_and_groups_need_a_recent_sign_in(ada: User, superuser: Client) -> None:
    group = Group.objects.create(name="Helpers")
    data = {**user_form(superuser, ada), "is_staff": "on"}
    with_old_sign_in(superuser)

    for path, fields in (
        (f"/admin/hostapp/user/{ada.pk}/change/", data),
        (f"/admin/auth/group/{group.pk}/change/", {"name": "Renamed"}),
        ("/admin/auth/group/add/", {"name": "Another"}),
    ):
        assert "enter your password again" in superuser.post(path, fields).text, path
    ada.refresh_from_db()
    assert not ada.is_staff
    assert set(Group.objects.filter(pk=group.pk).values_list("name", flat=True)) == {"Helpers"}
    assert not Group.objects.filter(name__in=["Renamed", "Another"]).exists()

    page = superuser.post(f"/admin/hostapp/user/{ada.pk}/change/", {**data, "current_password": PASSWORD})
    assert page.status_code == 302
    ada.refresh_from_db()
    assert ada.is_staff


def test_password_of_another_person_needs_a_recent_sign_in_and_is_not_repeated(
    ada: User, superuser: Client
) -> None:
    path = f"/admin/hostapp/user/{ada.pk}/password/"
    with_old_sign_in(superuser)

    asked = superuser.get(path)
    posted = superuser.post(path, NEW_PASSWORD)

    for page in (asked, posted):
        assert "enter your password again" in page.text
        assert NEW_PASSWORD["password1"] not in page.text
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert superuser.post(path, {"current_password": PASSWORD})["Location"] == path
    assert "password1" in superuser.get(path).text
