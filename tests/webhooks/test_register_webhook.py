"""The endpoint gets exactly the handled events, and its secret ends in no pipe."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import gateway
from sandbox.client import Sandbox
from webhooks.event_names import SUBSCRIBED_EVENTS

URL = "http://localhost:8000/webhooks/workos/"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_endpoints(workos_sandbox: Sandbox) -> None:
    workos_sandbox.set_webhook(None)


def register(*arguments: str, out: StringIO | None = None) -> tuple[str, str]:
    out, err = out or StringIO(), StringIO()
    call_command("register_webhook", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def error_of(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        register(*arguments)
    return raised.value


def endpoints() -> list[gateway.WebhookEndpoint]:
    return gateway.list_webhook_endpoints()


def create(url: str = URL, *events: str) -> gateway.WebhookEndpoint:
    return gateway.create_webhook_endpoint(url, events or ("connection.activated", "user.created"))


def test_new_endpoint_gets_the_handled_events_and_its_secret_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    out, err = register("--yes", "--secret-file", str(file))

    [endpoint] = endpoints()
    assert (endpoint.url, set(endpoint.events)) == (URL, set(SUBSCRIBED_EVENTS))
    assert file.read_text() == f"{endpoint.secret}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert endpoint.secret not in out + err
    assert repr(endpoint).count(endpoint.secret) == 0


def test_secret_is_shown_once_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    out, _ = register("--yes", out=terminal)

    assert out.count(f"WORKOS_WEBHOOK_SECRET={endpoints()[0].secret}") == 1
    # It is registered now: nothing to do, and nothing to show.
    assert register("--yes") == ("", "")


@pytest.mark.parametrize("arguments", [("--yes",), ("--yes", "--json")])
def test_secret_is_not_written_into_a_pipe(arguments: tuple[str, ...]) -> None:
    error = error_of(*arguments)

    assert error.returncode == 2
    assert "--secret-file" in str(error)
    assert endpoints() == []


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("mine")

    assert error_of("--yes", "--secret-file", str(file)).returncode == 2
    assert file.read_text() == "mine"
    assert endpoints() == []


def test_refused_creation_leaves_no_file(workos_sandbox: Sandbox, tmp_path: Path) -> None:
    workos_sandbox.fault("status", status=422, path="/webhook_endpoints", method="POST")
    file = tmp_path / "secret"

    assert error_of("--yes", "--secret-file", str(file)).returncode == 1
    assert not file.exists()


def test_existing_endpoint_gets_what_it_lacks_and_loses_the_rest(workos_sandbox: Sandbox) -> None:
    endpoint = create()
    gateway.get_client().webhooks.update_webhook_endpoint(endpoint.endpoint_id, status="disabled")

    out, _ = register("--yes", "--json")

    [change] = json.loads(out)["changes"]
    assert (change["action"], change["removed"], change["was_disabled"]) == ("update", ["user.created"], True)
    assert "connection.activated" not in change["added"]
    [now] = endpoints()
    assert (now.endpoint_id, set(now.events), now.is_enabled) == (
        endpoint.endpoint_id,
        set(SUBSCRIBED_EVENTS),
        True,
    )
    assert now.secret not in out


def test_secret_of_an_existing_endpoint_can_be_written_again(tmp_path: Path) -> None:
    """A process was killed between the creation and the file."""
    endpoint = create(URL, *SUBSCRIBED_EVENTS)
    file = tmp_path / "secret"
    register("--secret-file", str(file))

    assert file.read_text().strip() == endpoint.secret


def test_both_endpoints_are_updated_while_a_secret_is_being_replaced(tmp_path: Path) -> None:
    create()
    second = create(URL.rstrip("/"))
    other = create("http://localhost:8000/elsewhere/")
    file = tmp_path / "secret"
    register("--yes", "--url", second.url, "--secret-file", str(file))

    events = {one.url: set(one.events) for one in endpoints()}
    assert events[URL] == events[second.url] == set(SUBSCRIBED_EVENTS)
    assert events[other.url] == {"connection.activated", "user.created"}
    assert file.read_text().strip() == second.secret


def test_directory_events_are_explained_before_they_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    create()
    questions = StringIO()
    monkeypatch.setattr("builtins.input", lambda: "n")
    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("register_webhook", stdout=StringIO(), stderr=questions)

    text = questions.getvalue()
    assert "  + dsync.user.created" in text
    assert text.index("100,000 and more") < text.index("`manage.py reconcile --apply`") < text.index("[y/N]")
    assert set(endpoints()[0].events) == {"connection.activated", "user.created"}


def test_dry_run_shows_the_changes_and_makes_none() -> None:
    out, _ = register("--dry-run")

    assert out.startswith(f"create {URL} for {len(SUBSCRIBED_EVENTS)} events\n")
    assert endpoints() == []
    create(URL, *SUBSCRIBED_EVENTS)
    assert "is registered for exactly" in register("--dry-run")[0]


def test_token_is_part_of_the_url(settings: Any) -> None:
    settings.WORKOS_WEBHOOK_TOKEN = "abc"

    assert json.loads(register("--dry-run", "--json")[0])["url"] == f"{URL}abc/"


@pytest.mark.parametrize("url", ["http://app.acme.example/webhooks/workos/", "app.acme.example", "ftp://x"])
def test_url_to_which_workos_does_not_post_is_refused(url: str) -> None:
    assert error_of("--url", url, "--dry-run").returncode == 2


def test_unreachable_workos_is_reported_without_a_traceback(workos_sandbox: Sandbox) -> None:
    workos_sandbox.fault("status", status=500, path="/webhook_endpoints")

    assert "can be repeated" in str(error_of("--yes", "--dry-run"))


def test_new_secret_comes_with_a_second_endpoint_and_the_steps(tmp_path: Path) -> None:
    old = create(URL, *SUBSCRIBED_EVENTS)
    file = tmp_path / "secret"

    out, _ = register("--new-secret", "--yes", "--secret-file", str(file))

    first, second = sorted(endpoints(), key=lambda one: one.endpoint_id != old.endpoint_id)
    assert first == old
    assert (second.url, set(second.events)) == (URL.rstrip("/"), set(SUBSCRIBED_EVENTS))
    assert file.read_text() == f"{second.secret}\n" != f"{old.secret}\n"
    assert f"delete the endpoint\n     {old.endpoint_id} ({URL}) in the WorkOS Dashboard" in out
    assert "WORKOS_WEBHOOK_SECRET=new:<the new one>,old:<the present one>" in out
    # Both are kept up to date meanwhile.
    assert register("--yes") == ("", "")


def test_new_secret_changes_nothing_in_a_dry_run() -> None:
    create(URL.rstrip("/"), *SUBSCRIBED_EVENTS)

    out, _ = register("--new-secret", "--dry-run", "--json")

    [change] = json.loads(out)["changes"]
    assert (change["action"], change["url"]) == ("create", URL)
    assert len(endpoints()) == 1


def test_new_secret_is_not_written_into_a_pipe() -> None:
    create(URL, *SUBSCRIBED_EVENTS)

    assert error_of("--new-secret", "--yes").returncode == 2
    assert len(endpoints()) == 1


def test_new_secret_needs_exactly_one_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    arguments = ("--new-secret", "--yes", "--secret-file", str(file))
    assert "without --new-secret" in str(error_of(*arguments))
    create(URL, *SUBSCRIBED_EVENTS)
    second = create(URL.rstrip("/"), *SUBSCRIBED_EVENTS)

    error = error_of(*arguments)

    assert (error.returncode, len(endpoints())) == (2, 2)
    assert second.endpoint_id in str(error)
    # A process was killed between the creation and the file.
    register("--url", second.url, "--secret-file", str(file))
    assert file.read_text() == f"{second.secret}\n"
