"""The pages of a directory's people and groups."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from enterprises.models import Enterprise
from hostapp.models import User
from mirror.models import Directory
from mirror.people import upsert_memberships, upsert_people
from mirror.people_lists import PAGE_SIZE
from mirror.people_models import DirectoryGroup, DirectoryUser
from mirror.people_parsing import (
    Said,
    parse_group,
    parse_membership,
    parse_removed_group,
    parse_removed_user,
    parse_user,
)
from tests.conftest import signed_in
from tests.factories import create_directory

pytestmark = pytest.mark.django_db

PEOPLE = "/enterprises/acme-inc/directory/"
GROUPS = "/enterprises/acme-inc/directory/groups/"


@pytest.fixture
def directory(acme: Enterprise) -> Directory:
    return create_directory(acme, name="Acme SCIM", state_since=timezone.now() - timedelta(days=30))


@pytest.fixture
def client(ada: User) -> Client:
    return signed_in(ada)


def said(minutes_ago: int = 0) -> Said:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return Said(at, at, event_id=f"event_{1000 - minutes_ago}")


def person(directory: Directory, name: str, **fields: Any) -> dict[str, Any]:
    first, _, last = name.partition(" ")
    return {
        "id": f"user_{name}",
        "directory_id": directory.directory_id,
        "idp_id": f"idp_{name}",
        "email": f"{name.replace(' ', '.')}@acme.example".lower(),
        "first_name": first,
        "last_name": last,
        "state": "active",
        **fields,
    }


def add_people(directory: Directory, *names: str, minutes_ago: int = 0, **fields: Any) -> None:
    upsert_people(
        "directory_user",
        [parse_user(person(directory, name, **fields), said(minutes_ago)) for name in names],
    )


def add_groups(directory: Directory, *names: str, minutes_ago: int = 0) -> None:
    groups = [{"id": f"group_{name}", "directory_id": directory.directory_id, "name": name} for name in names]
    upsert_people("directory_group", [parse_group(one, said(minutes_ago)) for one in groups])


def add_members(
    directory: Directory, group: str, *user_ids: str, is_member: bool = True, minutes_ago: int = 0
) -> None:
    memberships = [
        {"directory_id": directory.directory_id, "user": {"id": one}, "group": {"id": f"group_{group}"}}
        for one in user_ids
    ]
    upsert_memberships([parse_membership(one, said(minutes_ago), is_member=is_member) for one in memberships])


def group_path(name: str) -> str:
    return f"{GROUPS}{DirectoryGroup.objects.get(name=name).pk}/"


def read_rows(page: Any) -> list[str]:
    """The names in the list."""
    rows = page.text.partition('<ul class="rows">')[2].partition("</ul>")[0]
    return re.findall(r"<li><(?:a href=\"[^\"]+\"|strong)>([^<]+)</", rows)


def test_page_without_a_directory_says_how_to_get_one(acme: Enterprise, client: Client) -> None:
    page = client.get(PEOPLE)

    assert "No directory is connected." in page.text
    assert "Set up directory sync" in page.text


def test_page_shows_how_many_people_and_groups_there_are_and_when_that_changed(
    directory: Directory, client: Client
) -> None:
    add_people(directory, "Ada Byron", "Zoe Lind", minutes_ago=5)
    add_people(directory, "Gone Person", state="inactive", minutes_ago=5)
    add_groups(directory, "Engineers")

    page = client.get(PEOPLE)

    assert "<strong>2</strong> people" in page.text
    assert "<strong>1</strong> deactivated" in page.text
    assert "<strong>1</strong> group" in page.text
    assert "Last change:" in page.text
    assert read_rows(page) == ["Ada Byron", "Zoe Lind"]
    assert read_rows(client.get(GROUPS)) == ["Engineers"]
    assert read_rows(client.get(PEOPLE, {"state": "inactive"})) == ["Gone Person"]


def test_people_who_are_only_named_or_were_removed_unseen_are_not_shown(
    directory: Directory, client: Client
) -> None:
    membership = {
        "directory_id": directory.directory_id,
        "user": {"id": "user_named"},
        "group": {"id": "group_named"},
    }
    upsert_memberships([parse_membership(membership, said(), is_member=True)])
    removed = {"id": "user_removed", "directory_id": directory.directory_id}
    upsert_people("directory_user", [parse_removed_user(removed, said())])

    for state in ("active", "inactive"):
        assert read_rows(client.get(PEOPLE, {"state": state})) == []
    assert read_rows(client.get(GROUPS)) == []
    for row in DirectoryUser.objects.all():
        assert client.get(f"{PEOPLE}people/{row.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("elo", ["Élodie Moreau"]),
        ("ÉLODIE  mor", ["Élodie Moreau"]),
        ("moreau", ["Élodie Moreau"]),
        ("m", ["Marcelina Davis", "Élodie Moreau", "Sven Lind"]),
        ("Marcelina.Davis@", ["Marcelina Davis"]),
        ("mail.of.sven@acme.example", ["Sven Lind"]),
        ("%", []),
        ("_", []),
        ("odie", []),
    ],
)
def test_search_finds_the_beginning_of_a_name_a_last_name_or_an_address(
    directory: Directory, client: Client, search: str, found: list[str]
) -> None:
    add_people(directory, "Marcelina Davis", "Élodie Moreau")
    add_people(directory, "Sven Lind", email="Mail.of.sven@acme.example")

    assert read_rows(client.get(PEOPLE, {"search": search})) == found


def read_page(client: Client, path: str) -> tuple[list[str], str, str]:
    """The people of a page, and the URLs of the pages before and after it."""
    page = client.get(path)
    links = dict(re.findall(r'href="\?([^"]+)" rel="(?:prev|next)">(Previous|Next)<', page.text))
    urls = {
        words: f"{path.partition('?')[0]}?{query.replace('&amp;', '&')}" for query, words in links.items()
    }
    people = re.findall(r"directory/people/(\d+)/\">", page.text)
    return people, urls.get("Previous", ""), urls.get("Next", "")


def add_many(directory: Directory) -> int:
    """Two pages and a part: one name for many, last names and addresses that match, too, and some no name."""
    count = 2 * PAGE_SIZE + 7
    upsert_people(
        "directory_user",
        [
            parse_user(
                person(
                    directory,
                    f"Per {'Petersen' if number % 3 else ''}",
                    id=f"user_{number}",
                    email=f"person.{number}@acme.example",
                    **({"first_name": None, "last_name": None} if number % 10 == 0 else {}),
                ),
                said(),
            )
            for number in range(count)
        ],
    )
    return count


@pytest.mark.parametrize("search", ["", "per", "p"])
@pytest.mark.parametrize("of_group", [False, True])
def test_pages_show_everybody_once_and_lead_back(
    directory: Directory, client: Client, search: str, of_group: bool
) -> None:
    count = add_many(directory)
    path = PEOPLE
    if of_group:
        add_groups(directory, "Everyone")
        add_members(directory, "Everyone", *(f"user_{number}" for number in range(count)))
        path = group_path("Everyone")
    path = f"{path}?search={search}"
    pages: list[list[str]] = []
    following = path
    while following and len(pages) < 5:
        path = following
        people, _, following = read_page(client, path)
        pages.append(people)
    seen = [one for people in pages for one in people]

    assert len(seen) == count
    assert len(set(seen)) == count

    back = [pages[-1]]
    previous = read_page(client, path)[1]
    while previous and len(back) < 5:
        people, previous, following = read_page(client, previous)
        back.insert(0, people)
        assert following
    assert back == pages


def test_page_whose_people_have_all_left_the_list_is_the_first(directory: Directory, client: Client) -> None:
    add_many(directory)
    _, _, following = read_page(client, PEOPLE)
    second, _, last = read_page(client, following)
    _, previous, _ = read_page(client, last)
    DirectoryUser.objects.filter(pk__in=read_page(client, last)[0]).update(state="inactive")
    first = read_page(client, PEOPLE)

    assert read_page(client, last) == first
    # And what is shorter than a page at the beginning.
    DirectoryUser.objects.filter(pk__in=first[0][:10]).update(state="inactive")
    assert read_page(client, read_page(client, following)[1]) == read_page(client, PEOPLE)
    assert second == read_page(client, previous)[0]


@pytest.mark.parametrize("after", ["x", "0.", "9.1", "0.999999999999999999999", "-1.5", "0.٣"])
def test_cursor_that_is_none_begins_at_the_start(directory: Directory, client: Client, after: str) -> None:
    add_people(directory, "Ada Byron")

    assert read_rows(client.get(PEOPLE, {"after": after})) == ["Ada Byron"]


def test_person_page_shows_state_groups_and_source(directory: Directory, client: Client) -> None:
    add_people(directory, "Ada Byron", created_at="2026-01-15T12:00:00.000Z")
    add_groups(directory, "Engineers", "Managers")
    for group in ("Engineers", "Managers"):
        add_members(directory, group, "user_Ada Byron", minutes_ago=2)
    add_members(directory, "Managers", "user_Ada Byron", is_member=False, minutes_ago=1)

    page = client.get(f"{PEOPLE}people/{DirectoryUser.objects.get().pk}/")

    for text in ("Ada Byron", "Active", "ada.byron@acme.example", "Engineers", "Acme SCIM", "15 January"):
        assert text in page.text
    assert "Managers" not in page.text
    assert f'href="{group_path("Engineers")}"' in page.text


def test_group_page_shows_the_active_people_who_are_in_it(directory: Directory, client: Client) -> None:
    add_people(directory, "Ada Byron", "Bob Lind", "Not In It")
    add_people(directory, "Deactivated Person", state="inactive")
    add_groups(directory, "Engineers", "Managers")
    everybody = ("user_Ada Byron", "user_Bob Lind", "user_Deactivated Person", "user_never_announced")
    add_members(directory, "Engineers", *everybody, minutes_ago=2)
    add_members(directory, "Managers", "user_Not In It", minutes_ago=2)
    path = group_path("Engineers")

    assert read_rows(client.get(path)) == ["Ada Byron", "Bob Lind"]
    assert read_rows(client.get(path, {"search": "lind"})) == ["Bob Lind"]
    assert path in client.get(GROUPS).text
    assert f'<a href="{PEOPLE}" aria-current="true">Directory</a>' in client.get(path).text

    add_members(directory, "Engineers", "user_Ada Byron", is_member=False, minutes_ago=1)
    assert read_rows(client.get(path)) == ["Bob Lind"]


def test_group_that_was_removed_has_no_members_and_returns_without_the_earlier_ones(
    directory: Directory, client: Client
) -> None:
    add_people(directory, "Ada Byron", "Bob Lind")
    add_groups(directory, "Engineers", minutes_ago=9)
    add_members(directory, "Engineers", "user_Ada Byron", minutes_ago=8)
    group = {"id": "group_Engineers", "directory_id": directory.directory_id, "name": "Engineers"}
    upsert_people("directory_group", [parse_removed_group(group, said(7))])
    path = group_path("Engineers")

    assert "Removed on" in client.get(path).text
    assert "Ada Byron" not in client.get(path).text

    add_groups(directory, "Engineers", minutes_ago=6)
    add_members(directory, "Engineers", "user_Bob Lind", minutes_ago=5)
    assert read_rows(client.get(path)) == ["Bob Lind"]


def test_group_of_a_removed_directory_has_no_members(directory: Directory, client: Client) -> None:
    add_people(directory, "Ada Byron")
    add_groups(directory, "Engineers")
    add_members(directory, "Engineers", "user_Ada Byron")
    Directory.objects.update(state="deleted")

    page = client.get(group_path("Engineers"))

    assert "(removed)" in page.text
    assert "Ada Byron" not in page.text


def test_person_who_returned_with_a_new_id_is_active_and_linked_with_the_earlier_entry(
    directory: Directory, client: Client
) -> None:
    add_people(directory, "Ada Byron", state="inactive", minutes_ago=5)
    add_people(directory, "Ada Byron", id="user_new", minutes_ago=1)
    old, new = DirectoryUser.objects.order_by("pk")

    assert read_rows(client.get(PEOPLE)) == ["Ada Byron"]
    deactivated = client.get(PEOPLE, {"state": "inactive"}).text
    assert "Returned with a new ID:" in deactivated
    assert f"people/{new.pk}/" in deactivated
    assert f"people/{old.pk}/" in client.get(f"{PEOPLE}people/{new.pk}/").text


def test_people_without_an_id_at_the_identity_provider_are_not_taken_for_one(
    directory: Directory, client: Client
) -> None:
    add_people(directory, "Ada Byron", "Bob Lind", idp_id="", state="inactive")
    add_people(directory, "Cleo Rao", idp_id="")

    page = client.get(PEOPLE, {"state": "inactive"})
    assert read_rows(page) == ["Ada Byron", "Bob Lind"]
    assert "Returned" not in page.text


def test_page_of_another_enterprise_shows_none_of_its_people(
    directory: Directory, birch: Enterprise, client: Client, cleo: User
) -> None:
    add_people(directory, "Ada Byron")
    add_groups(directory, "Engineers")
    ada, engineers = DirectoryUser.objects.get(), DirectoryGroup.objects.get()

    for path in (f"people/{ada.pk}/", f"groups/{engineers.pk}/"):
        assert signed_in(cleo).get(f"/enterprises/birch-ltd/directory/{path}").status_code == 404
    page = signed_in(cleo).get("/enterprises/birch-ltd/directory/", {"directory": directory.pk})
    assert "Ada Byron" not in page.text


def test_staff_reach_the_directory_from_the_customer(directory: Directory, client: Client, sam: User) -> None:
    add_people(directory, "Ada Byron")
    staff = signed_in(sam)

    assert f'href="{PEOPLE}"' in staff.get("/staff/enterprises/acme-inc/").text
    page = staff.get(PEOPLE)
    assert read_rows(page) == ["Ada Byron"]
    assert "/enterprises/acme-inc/members/" not in page.text


def test_second_directory_can_be_chosen(directory: Directory, acme: Enterprise, client: Client) -> None:
    other = create_directory(acme, directory_id="directory_2", name="Second")
    add_people(directory, "Ada Byron")
    add_people(other, "Zoe Lind")

    assert read_rows(client.get(PEOPLE)) == ["Ada Byron"]
    page = client.get(PEOPLE, {"directory": other.pk})
    assert read_rows(page) == ["Zoe Lind"]
    # Kept in the links to its groups and its deactivated people.
    assert f'href="{GROUPS}?directory={other.pk}"' in page.text
    assert f'href="{PEOPLE}?directory={other.pk}&amp;state=inactive"' in page.text


def test_first_sync_shows_its_progress_until_all_have_arrived(
    directory: Directory, acme: Enterprise, client: Client
) -> None:
    Directory.objects.update(state_since=timezone.now(), listed_people=3)
    add_people(directory, "Ada Byron", "Bob Lind", minutes_ago=2)

    assert "2 of 3 people so far" in client.get(PEOPLE).text
    overview = client.get(acme.get_absolute_url()).text
    assert "In progress: 2 of 3 people" in overview
    assert "load delay:5s" in overview

    add_people(directory, "Cleo Rao", minutes_ago=0)

    assert "first sync" not in client.get(PEOPLE).text
    assert "3 people and 0 groups" in client.get(acme.get_absolute_url()).text


@pytest.mark.parametrize("path", [PEOPLE, GROUPS])
def test_list_takes_few_queries_however_many_rows_there_are(
    directory: Directory, client: Client, path: str, django_assert_max_num_queries: Any
) -> None:
    add_people(directory, *(f"Person {number}" for number in range(60)))
    add_groups(directory, *(f"Group {number}" for number in range(60)))

    with django_assert_max_num_queries(9):
        client.get(path, {"search": "p"})
