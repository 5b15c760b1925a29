"""Portal sessions: opened by a Portal Link, with a token of their own, ended when the link is revoked."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import rendering
from sandbox.app_keys import get_store
from sandbox.clock import format_timestamp
from sandbox.models import Organization, PortalLink, PortalSession
from sandbox.store import Store

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
INTENT_DESCRIPTIONS = {
    "sso": "Let your people sign in with your identity provider.",
    "dsync": "Keep users and groups in step with your directory.",
    "domain_verification": "Prove that your organization owns its domains.",
    "certificate_renewal": "Replace a signing certificate before it expires.",
    "audit_logs": "See what happened in your organization, and when.",
    "log_streams": "Send your audit logs to your own monitoring.",
    "bring_your_own_key": "Encrypt your data with a key that you hold.",
}
CLOSED_PAGES = {
    "unknown": (404, "This link is not valid", "The address is incomplete, or it was never a Portal Link."),
    "expired": (410, "This link has expired", "Portal Links open for a few minutes only."),
    "used": (410, "This link has been used", "Each Portal Link opens once."),
    "revoked": (403, "This link has been revoked", "This link was revoked by the person who sent it."),
    "ended": (410, "Your session has ended", "You were away for a while. Whatever you saved is kept."),
}


class PortalClosed(Exception):
    """A link or session cannot be used. `reason` is a key of CLOSED_PAGES."""

    def __init__(self, reason: str, link: PortalLink | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.link = link


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A portal session that can be used. `path` is the start of the path of all its pages."""

    store: Store
    token: str
    link: PortalLink
    organization: Organization

    @property
    def path(self) -> str:
        return f"/portal/{self.token}"

    def render_page(
        self, template: str, *, intent: str | None = None, status: int = 200, **context: Any
    ) -> web.Response:
        return rendering.render_page(
            f"portal/{template}",
            status=status,
            redirects_to=self.link.success_url,
            session=self,
            intent=intent,
            intent_names=INTENT_NAMES,
            **context,
        )

    def redirect_to(self, path: str) -> web.HTTPSeeOther:
        return web.HTTPSeeOther(f"{self.path}/{path}", headers={"Referrer-Policy": "no-referrer"})


Page = Callable[[web.Request, OpenSession], Awaitable[web.StreamResponse]]


def require_session(
    intent: str | None = None,
) -> Callable[[Page], Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    """Decorate a view that needs an open session; with `intent`, one whose link includes it."""

    def decorate(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def view(request: web.Request) -> web.StreamResponse:
            try:
                session = _find_session(get_store(request), request.match_info["token"])
            except PortalClosed as closed:
                return render_closed_page(closed)
            if intent is not None and intent not in session.link.intents:
                return session.render_page("wrong_intent.html", status=404)
            return await page(request, session)

        return view

    return decorate


def _find_session(store: Store, token: str) -> OpenSession:
    """Raises PortalClosed."""
    session = next((row for row in store.sessions if secrets.compare_digest(row.token, token)), None)
    if session is None:
        raise PortalClosed("unknown")
    link = store.links.get(session.link_id)
    organization = store.organizations.get(link.organization_id) if link else None
    if link is None or organization is None or link.revoked:
        raise PortalClosed("revoked", link)
    if session.expires_at <= store.clock.now():
        raise PortalClosed("ended", link)
    return OpenSession(store, token, link, organization)


def render_closed_page(closed: PortalClosed) -> web.Response:
    status, title, explanation = CLOSED_PAGES[closed.reason]
    return rendering.render_page(
        "portal/closed.html",
        status=status,
        title=title,
        explanation=explanation,
        return_url=closed.link.return_url if closed.link else None,
    )


def _open_link(store: Store, secret: str) -> PortalLink:
    """The link, marked as opened. Raises PortalClosed."""
    link = next(
        (row for row in store.links if secrets.compare_digest(row.secret.encode(), secret.encode())), None
    )
    if link is None:
        raise PortalClosed("unknown")
    if link.revoked or store.organizations.get(link.organization_id) is None:
        raise PortalClosed("revoked", link)
    if link.expires_at <= store.clock.now():
        raise PortalClosed("expired", link)
    if link.opened and store.switches.single_use_links:
        raise PortalClosed("used", link)
    return store.links.put(store.with_changes(link, opened=link.opened + 1))


@routes.get("/portal/launch")
async def launch_session(request: web.Request) -> web.StreamResponse:
    store = get_store(request)
    try:
        link = _open_link(store, request.query.get("secret", ""))
    except PortalClosed as closed:
        return render_closed_page(closed)
    session = store.sessions.put(
        PortalSession(
            id=store.ids.new_id("portal_session"),
            token=secrets.token_urlsafe(32),
            link_id=link.id,
            expires_at=format_timestamp(store.clock.now_ms() + store.switches.session_seconds * 1000),
            **store.new_timestamps(),
        )
    )
    path = link.intents[0] if len(link.intents) == 1 else ""
    raise web.HTTPSeeOther(
        f"/portal/{session.token}/{path}",
        headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
    )


@routes.get("/portal/{token}/")
@require_session()
async def show_menu(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return session.render_page("menu.html", intent_descriptions=INTENT_DESCRIPTIONS)


@routes.get("/portal/{token}/done")
@require_session()
async def show_done(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    return session.render_page("done.html")


@routes.post("/portal/{token}/finish")
@require_session()
async def finish_session(_request: web.Request, session: OpenSession) -> web.StreamResponse:
    if session.link.success_url:
        raise web.HTTPSeeOther(session.link.success_url, headers={"Referrer-Policy": "no-referrer"})
    raise session.redirect_to("done")


async def show_unknown_page(_request: web.Request) -> web.StreamResponse:
    """Answer a GET of an unknown path, or of one that only takes a form: a reload sends that."""
    return render_closed_page(PortalClosed("unknown"))
