"""What the sandbox answers of WorkOS's API, as a table for the documentation.

python -m sandbox.supported docs/sandbox.md      # writes the table into the file
"""

import argparse
from pathlib import Path
from typing import NamedTuple

BEGIN = "<!-- The table is written by: python -m sandbox.supported docs/sandbox.md -->"
END = "<!-- End of the table -->"


class Supported(NamedTuple):
    """An endpoint, the call of the Python SDK that uses it, and the SDK's first version with this call.

    `call` is None where no SDK up to 10.8 has one: newer ones name the directory in the path.
    """

    method: str
    path: str
    call: str | None
    since: str


SUPPORTED = (
    Supported("POST", "/organizations", "organizations.create_organization", "1.0.0"),
    Supported("GET", "/organizations", "organizations.list_organizations", "1.0.0"),
    Supported("GET", "/organizations/{id}", "organizations.get_organization", "1.1.0"),
    Supported(
        "GET",
        "/organizations/external_id/{external_id}",
        "organizations.get_organization_by_external_id",
        "5.16.0",
    ),
    Supported("PUT", "/organizations/{id}", "organizations.update_organization", "1.2.0"),
    Supported("DELETE", "/organizations/{id}", "organizations.delete_organization", "1.2.0"),
    Supported("GET", "/organizations/{id}/it_contacts", "organizations.list_it_contacts", "10.3.0"),
    Supported("POST", "/organizations/{id}/it_contacts", "organizations.create_it_contact", "10.3.0"),
    Supported(
        "DELETE", "/organizations/{id}/it_contacts/{contact_id}", "organizations.delete_it_contact", "10.3.0"
    ),
    Supported(
        "POST",
        "/organizations/{id}/it_contacts/{contact_id}/invite",
        "organizations.invite_it_contact",
        "10.3.0",
    ),
    Supported(
        "POST",
        "/organizations/{id}/it_contacts/{contact_id}/revoke",
        "organizations.revoke_it_contact",
        "10.3.0",
    ),
    Supported("POST", "/organization_domains", "organization_domains.create_organization_domain", "6.0.2"),
    Supported("GET", "/organization_domains/{id}", "organization_domains.get_organization_domain", "5.26.0"),
    Supported(
        "POST",
        "/organization_domains/{id}/verify",
        "organization_domains.verify_organization_domain",
        "5.26.0",
    ),
    Supported(
        "DELETE", "/organization_domains/{id}", "organization_domains.delete_organization_domain", "5.26.0"
    ),
    Supported("POST", "/portal/generate_link", "admin_portal.generate_link", "6.0.0"),
    Supported("POST", "/portal/revoke_link", "admin_portal.revoke_link", "10.6.0"),
    Supported("GET", "/connections", "sso.list_connections", "0.8.3"),
    Supported("GET", "/connections/{id}", "sso.get_connection", "0.8.3"),
    Supported("DELETE", "/connections/{id}", "sso.delete_connection", "0.8.3"),
    Supported("GET", "/directories", "directory_sync.list_directories", "0.3.0"),
    Supported("GET", "/directories/{id}", "directory_sync.get_directory", "1.6.0"),
    Supported("DELETE", "/directories/{id}", "directory_sync.delete_directory", "1.1.0"),
    Supported("GET", "/directory_users", "directory_sync.list_users", "0.3.0"),
    Supported("GET", "/directory_users/{id}", "directory_sync.get_user", "0.3.0"),
    Supported("GET", "/directory_groups", "directory_sync.list_groups", "0.3.0"),
    Supported("GET", "/directory_groups/{id}", "directory_sync.get_group", "0.3.0"),
    Supported("GET", "/directories/{directory_id}/users", None, "10.9"),
    Supported("GET", "/directories/{directory_id}/users/{id}", None, "10.9"),
    Supported("GET", "/directories/{directory_id}/groups", None, "10.9"),
    Supported("GET", "/directories/{directory_id}/groups/{id}", None, "10.9"),
    Supported("GET", "/events", "events.list_events", "1.25.0"),
    Supported("POST", "/webhook_endpoints", "webhooks.create_webhook_endpoint", "6.0.2"),
    Supported("GET", "/webhook_endpoints", "webhooks.list_webhook_endpoints", "6.0.0"),
    Supported("PATCH", "/webhook_endpoints/{id}", "webhooks.update_webhook_endpoint", "6.0.0"),
    Supported("DELETE", "/webhook_endpoints/{id}", "webhooks.delete_webhook_endpoint", "6.0.0"),
)


def build_table() -> str:
    lines = ["| Endpoint | Call of the Python SDK (`client.…`) | Since |", "|---|---|---|"]
    for item in SUPPORTED:
        call = f"`{item.call}`" if item.call else "newer SDKs, with the directory in the path"
        lines.append(f"| `{item.method} {item.path}` | {call} | {item.since} |")
    return "\n".join(lines)


def write_table(text: str) -> str:
    """The document with the present table between its two marks. Raises ValueError if it lacks them."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the file needs a line {BEGIN!r} and a line {END!r}")
    return f"{before}{BEGIN}\n{build_table()}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.supported", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="the Markdown file that has the table")
    file: Path = parser.parse_args().file
    file.write_text(write_table(file.read_text()))


if __name__ == "__main__":
    main()
