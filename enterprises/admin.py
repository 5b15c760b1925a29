"""Admin pages for staff: everything can be looked at and searched; changes are made in the app."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

import gateway
from audit.actor import Actor
from audit.admin import ReadOnlyAdmin
from audit.admin_lists import BoundedPaginator
from enterprises import conf, provisioning
from enterprises.models import Enterprise, Failure, Invitation, Membership, ProvisioningState
from enterprises.reconcile import enqueue_reconcile
from enterprises.tasks import TaskKind
from outbox import queue
from outbox.models import Task
from outbox.queue import NewTask


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in ProvisioningState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> QuerySet[Enterprise]:
        if not (state := self.value()):
            return queryset
        return queryset.filter(pk__in=Enterprise.objects.in_state(state).values("pk"))


@admin.register(Enterprise)
class EnterpriseAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "state", "organization_id", "environment", "failing_tasks", "created_at"]
    list_filter = [StateFilter, "environment"]
    list_select_related = ["organization"]
    search_fields = ["name", "slug", "organization__organization_id", "external_id", "requested_domains"]
    readonly_fields = (
        "name",
        "slug",
        "staff_page",
        "state",
        "next_step",
        "attention",
        "organization_id",
        "environment",
        "external_id",
        "requested_domains",
        "intents",
        "people",
        "provisioning_since",
        "organization_deleted_at",
        "deprovisioned_at",
        "created_at",
    )
    fields = readonly_fields
    actions = ["provision_again", "reconcile"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enterprise]:
        enterprises: QuerySet[Enterprise] = super().get_queryset(request)
        failing = Task.objects.filter(~Q(error=""), subject=OuterRef("external_id")).order_by()
        count = failing.values("subject").annotate(count=Count("pk")).values("count")
        return enterprises.annotate(failing=Subquery(count))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        # There is nothing to save. The actions of the list need the right to change.
        no_buttons = {"show_save": False, "show_save_and_continue": False}
        return super().change_view(request, object_id, form_url, {**no_buttons, **(extra_context or {})})

    @admin.display(description=gettext_lazy("state"))
    def state(self, enterprise: Enterprise) -> str:
        return str(enterprise.provisioning.label)

    @admin.display(description=gettext_lazy("failing outbox tasks"), ordering="failing")
    def failing_tasks(self, enterprise: Any) -> str:
        return str(enterprise.failing or "")

    @admin.display(description=gettext_lazy("staff page"))
    def staff_page(self, enterprise: Enterprise) -> str:
        name = conf.staff_page_url_name()
        if not name:
            return "–"
        return format_html(
            '<a href="{}">{}</a>',
            reverse(name, args=[enterprise.slug]),
            _("Change name, domains and plan, or deprovision"),
        )

    @admin.display(description=gettext_lazy("people"))
    def people(self, enterprise: Enterprise) -> str:
        """Changed on the members page and by `invite_it_admin`, with the rules that apply there."""
        members = Membership.objects.filter(enterprise=enterprise).select_related("user")
        lines = [
            (member.user.get_username(), member.get_role_display())
            for member in members.order_by("role", "user__email")
        ]
        return format_html_join(mark_safe("<br>"), "{}: {}", lines) or _("Nobody yet")

    @admin.action(description=gettext_lazy("Provision again"), permissions=["change"])
    def provision_again(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        for enterprise in queryset:
            try:
                provisioning.provision(enterprise, Actor.from_request(request))
            except gateway.GatewayError as error:
                self.message_user(request, f"{enterprise.name}: {error.describe()}", messages.ERROR)
            else:
                self.message_user(
                    request,
                    _("%(enterprise)s is provisioned.") % {"enterprise": enterprise.name},
                    messages.SUCCESS,
                )

    @admin.action(description=gettext_lazy("Reconcile with WorkOS"), permissions=["change"])
    def reconcile(self, request: HttpRequest, queryset: QuerySet[Enterprise]) -> None:
        provisioned = queryset.filter(organization__isnull=False, organization__deleted_at=None)
        for enterprise in provisioned:
            enqueue_reconcile(enterprise)
            subject = enterprise.external_id
            queue.enqueue_all(
                [
                    NewTask(TaskKind.PUSH_NAME, subject),
                    *(
                        NewTask(TaskKind.PUSH_DOMAIN, subject, key=one)
                        for one in enterprise.requested_domains
                    ),
                ]
            )
        if not provisioned:
            self.message_user(
                request, _("None of them has an organization in WorkOS. Nothing was changed."), messages.ERROR
            )
            return
        self.message_user(
            request,
            ngettext(
                "%(count)d enterprise will be compared with WorkOS shortly.",
                "%(count)d enterprises will be compared with WorkOS shortly.",
                len(provisioned),
            )
            % {"count": len(provisioned)},
            messages.SUCCESS,
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Staff provision in the app; a row that is added here would not be provisioned.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # Deprovisioning deletes the organization at WorkOS and keeps the audit log.
        return False


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "enterprise", "role", "invited_by_name", "expires_at"]
    list_filter = ["role"]
    list_select_related = ["enterprise"]
    search_fields = ["email", "enterprise__name"]
    exclude = ["token_hash"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["user", "enterprise", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["enterprise", "user"]
    search_fields = ["user__email", "user__name", "enterprise__name"]


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin):
    list_display = [
        "at",
        "enterprise",
        "activity",
        "kind",
        "status",
        "code",
        "request_id",
        "reference",
        "message",
    ]
    list_filter = ["kind", "activity"]
    list_select_related = ["enterprise"]
    search_fields = ["reference__exact", "request_id__exact", "enterprise__name"]
    ordering = ["-at"]
    paginator = BoundedPaginator
    show_full_result_count = False
