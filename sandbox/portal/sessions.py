"""A visit: opened by a Portal Link, carried on by a token of its own, over when the link is revoked."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import rendering
from sandbox.app_keys import world_of
from sandbox.clock import iso
from sandbox.models import Organization, PortalLink, PortalSession
from sandbox.store import World

routes = web.RouteTableDef()

INTENT_NAMES = {
    "sso": "Single Sign-On",
    "dsync": "Directory Sync",
    "domain_verification": "Domain verification",
    "certificate_renewal": "Certificate renewal",
    "audit_logs": "Audit logs",
    "log_streams": "Log streams",
    "bring_your_own_key": "Bring your own key",
}
INTENT_SAYS = {
    "sso": "Let your people sign in with your identity provider.",
    "dsync": "Keep users and groups in step with your directory.",
    "domain_verification": "Prove that your organization owns its domains.",
    "certificate_renewal": "Replace a signing certificate before it expires.",
    "audit_logs": "See what happened in your organization, and when.",
    "log_streams": "Send your audit logs to your own monitoring.",
    "bring_your_own_key": "Encrypt your data with a key that you hold.",
}
CLOSED = {
    "unknown": (404, "This link is not valid", "The address is incomplete, or it was never a set-up link."),
    "expired": (410, "This link has expired", "Set-up links open for a few minutes only."),
    "used": (410, "This link has been used", "Each set-up link opens once."),
    "revoked": (403, "This link has been revoked", "Whoever sent it to you has taken it back."),
    "over": (410, "Your visit has ended", "You were away for a while. Whatever you saved is kept."),
}


class Closed(Exception):
    def __init__(self, reason: str, link: PortalLink | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.link = link


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came in, and by which link. `path` is the start of every address of this visit."""

    world: World
    token: str
    link: PortalLink
    organization: Organization

    @property
    def path(self) -> str:
        return f"/portal/{self.token}"

    def page(
        self, template: str, *, intent: str | None = None, status: int = 200, **context: Any
    ) -> web.Response:
        return rendering.page(
            f"portal/{template}",
            status=status,
            leads_to=self.link.success_url,
            visit=self,
            intent=intent,
            intent_names=INTENT_NAMES,
            **context,
        )

    def to(self, place: str) -> web.HTTPSeeOther:
        return web.HTTPSeeOther(f"{self.path}/{place}", headers={"Referrer-Policy": "no-referrer"})


Page = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


def visiting(
    intent: str | None = None,
) -> Callable[[Page], Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    """A page of a visit; with `intent`, only of a visit whose link names it."""

    def wrap(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def enter(request: web.Request) -> web.StreamResponse:
            try:
                visit = _find(world_of(request), request.match_info["token"])
            except Closed as closed:
                return closed_page(closed)
            if intent is not None and intent not in visit.link.intents:
                return visit.page("wrong_intent.html", status=404)
            return await page(request, visit)

        return enter

    return wrap


def _find(world: World, token: str) -> Visit:
    session = next((row for row in world.sessions if secrets.compare_digest(row.token, token)), None)
    if session is None:
        raise Closed("unknown")
    link = world.links.get(session.link_id)
    organization = world.organizations.get(link.organization_id) if link else None
    if link is None or organization is None or link.revoked:
        raise Closed("revoked", link)
    if session.expires_at <= world.clock.now():
        raise Closed("over", link)
    return Visit(world, token, link, organization)


def closed_page(closed: Closed) -> web.Response:
    status, title, says = CLOSED[closed.reason]
    return rendering.page(
        "portal/closed.html",
        status=status,
        title=title,
        says=says,
        return_url=closed.link.return_url if closed.link else None,
    )


def _open(world: World, secret: str) -> PortalLink:
    link = next(
        (row for row in world.links if secrets.compare_digest(row.secret.encode(), secret.encode())), None
    )
    if link is None:
        raise Closed("unknown")
    if link.revoked or world.organizations.get(link.organization_id) is None:
        raise Closed("revoked", link)
    if link.expires_at <= world.clock.now():
        raise Closed("expired", link)
    if link.opened and world.switches.single_use_links:
        raise Closed("used", link)
    return world.links.put(world.changed(link, opened=link.opened + 1))


@routes.get("/portal/launch")
async def launch(request: web.Request) -> web.StreamResponse:
    world = world_of(request)
    try:
        link = _open(world, request.query.get("secret", ""))
    except Closed as closed:
        return closed_page(closed)
    session = world.sessions.put(
        PortalSession(
            id=world.ids.new("portal_session"),
            token=secrets.token_urlsafe(32),
            link_id=link.id,
            expires_at=iso(world.clock.now_ms() + world.switches.session_seconds * 1000),
            **world.born(),
        )
    )
    place = link.intents[0] if len(link.intents) == 1 else ""
    raise web.HTTPSeeOther(
        f"/portal/{session.token}/{place}",
        headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
    )


@routes.get("/portal/{token}/")
@visiting()
async def menu(_request: web.Request, visit: Visit) -> web.StreamResponse:
    return visit.page("menu.html", intent_says=INTENT_SAYS)


@routes.get("/portal/{token}/done")
@visiting()
async def done(_request: web.Request, visit: Visit) -> web.StreamResponse:
    return visit.page("done.html")


@routes.post("/portal/{token}/finish")
@visiting()
async def finish(_request: web.Request, visit: Visit) -> web.StreamResponse:
    if visit.link.success_url:
        raise web.HTTPSeeOther(visit.link.success_url, headers={"Referrer-Policy": "no-referrer"})
    raise visit.to("done")


async def unknown_page(_request: web.Request) -> web.StreamResponse:
    """An address that no page of the portal has; also one that only takes a form, asked for by a reload."""
    return closed_page(Closed("unknown"))


async def answers(request: web.Request) -> dict[str, str]:
    """What the form said, trimmed."""
    return {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}
