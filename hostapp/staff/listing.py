"""The list of customers: search, filter, one page at a time, and what each row shows."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import OuterRef, Q, Subquery

from audit.models import AuditEntry
from enterprises.email_addresses import normalize_email
from enterprises.models import Enterprise, Invitation, Membership
from enterprises.models.customers import EnterpriseQuerySet
from hostapp.staff.attention import Reason, annotate_reasons, filter_needing_attention, list_reasons
from mirror.models import DELETED, Connection, Directory, MirroredRow, OrganizationDomain
from portal.page.providers import get_provider
from portal.page.sections.rows import DELETED_SHOWN_FOR
from portal.page.sections.section import choose_state
from portal.page.wording import StateWording, describe_state

PAGE_SIZE = 50


@dataclass(frozen=True)
class Cell:
    """The state of one product, and the object that is in it, in a few words."""

    state: StateWording
    text: str = ""


@dataclass(frozen=True)
class CustomerRow:
    customer: Enterprise
    # Of single sign-on, the directory and the domains.
    cells: Sequence[Cell]
    reasons: Sequence[Reason]
    last_activity: datetime | None

    @property
    def has_unsaid_provisioning(self) -> bool:
        """Whether the customer is not ready, and no reason says so already."""
        is_ready = self.customer.provisioning == Enterprise.Provisioning.READY
        return not is_ready and all(reason.place != "provisioning" for reason in self.reasons)


@dataclass(frozen=True)
class CustomerPage:
    """`before` and `after` are the ids of the customers at the ends, if there are more on that side."""

    rows: Sequence[CustomerRow]
    before: int | None
    after: int | None


def list_customers(
    *,
    search: str = "",
    is_attention_only: bool = False,
    after: int | None = None,
    before: int | None = None,
    now: datetime,
) -> CustomerPage:
    """A page of the customers by name, from after or before the customer with that id."""
    customers: EnterpriseQuerySet = Enterprise.objects.all()
    if search:
        customers = customers.filter(_matches(search))
    if is_attention_only:
        customers = filter_needing_attention(customers, now)
    ids, has_previous, has_next = _cut_page(customers, after=after, before=before)
    newest = AuditEntry.objects.filter(subject=OuterRef("external_id")).order_by("-at", "-id")
    shown = annotate_reasons(
        Enterprise.objects.filter(pk__in=ids).select_related("organization"), now
    ).annotate(last_activity=Subquery(newest.values("at")[:1]))
    rows = _build_rows(sorted(shown, key=lambda one: ids.index(one.pk)), now)
    return CustomerPage(rows, ids[0] if has_previous else None, ids[-1] if has_next else None)


def _matches(search: str) -> Q:
    """By e-mail address if there is an @ in it, and else by name, slug and domain."""
    if "@" in search:
        email = normalize_email(search)
        members = Membership.objects.filter(user__email__icontains=email)
        invitations = Invitation.objects.filter(email__icontains=email)
        return Q(pk__in=members.values("enterprise")) | Q(pk__in=invitations.values("enterprise"))
    domains = OrganizationDomain.objects.filter(domain__icontains=search).exclude(state=DELETED)
    return (
        Q(name__icontains=search)
        | Q(slug__icontains=search)
        | Q(requested_domains__icontains=search)
        | Q(organization__in=domains.values("organization"))
    )


def _cut_page(
    customers: EnterpriseQuerySet, *, after: int | None, before: int | None
) -> tuple[list[int], bool, bool]:
    """The ids of the customers of a page, and whether there are more before and after them.

    By the name at the page's end and not by a number, so that every page is as quick as the first, and
    changes in between move nobody to another page.
    """
    is_backward = before is not None
    end_id = before if is_backward else after
    end = Enterprise.objects.filter(pk=end_id).first() if end_id is not None else None
    order = ("-name", "-pk") if is_backward else ("name", "pk")
    rows = customers.order_by(*order)
    if end is not None:
        comparison = "lt" if is_backward else "gt"
        beyond = Q(**{f"name__{comparison}": end.name}) | Q(name=end.name, **{f"pk__{comparison}": end.pk})
        rows = rows.filter(beyond, **{f"name__{comparison}e": end.name})
    found = list(rows.values_list("pk", flat=True)[: PAGE_SIZE + 1])
    has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if is_backward:
        return found[::-1], has_more, end is not None and bool(found)
    return found, end is not None and bool(found), has_more


_Row = TypeVar("_Row", bound=MirroredRow)


def _build_rows(customers: Sequence[Any], now: datetime) -> list[CustomerRow]:
    ids = [one.organization_id for one in customers if one.organization_id]
    connections = _load(Connection, ids, now, name="connection_type")
    directories = _load(Directory, ids, now, name="directory_type")
    domains = _load(OrganizationDomain, ids, now, name="domain")
    rows = []
    for customer in customers:
        organization_id = customer.organization_id or ""
        rows.append(
            CustomerRow(
                customer,
                [
                    _build_cell(
                        connections[organization_id], lambda row: get_provider(row.connection_type).brand
                    ),
                    _build_cell(
                        directories[organization_id], lambda row: get_provider(row.directory_type).brand
                    ),
                    _build_cell(domains[organization_id], lambda row: row.domain),
                ],
                reasons=list_reasons(customer),
                last_activity=customer.last_activity,
            )
        )
    return rows


def _load(
    model: type[_Row], organization_ids: Sequence[str], now: datetime, *, name: str
) -> Mapping[str, list[_Row]]:
    """The rows of each organization, as the customer's page shows them: deleted ones for a while.

    With the columns that the list shows: the state, and the one that is called `name` here.
    """
    is_gone = Q(state=DELETED, observed_at__lte=now - DELETED_SHOWN_FOR)
    rows = model._default_manager.filter(organization__in=organization_ids).exclude(is_gone)
    by_organization: dict[str, list[_Row]] = defaultdict(list)
    for row in rows.only("organization_id", "state", name).order_by("-as_of"):
        by_organization[row.organization_id].append(row)
    return by_organization


def _build_cell(rows: Sequence[_Row], name: Callable[[_Row], str]) -> Cell:
    state = choose_state([describe_state(row) for row in rows])
    named = [name(row) for row in rows if describe_state(row) is state]
    return Cell(state, next(filter(None, named), ""))
