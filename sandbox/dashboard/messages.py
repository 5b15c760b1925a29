"""Messages that a page shows once, after a form has redirected to it.

The sandbox sets no cookies, and a message in the URL could be forged: the URL has its number only.
"""

import secrets
from dataclasses import dataclass

from aiohttp import web

MAX_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    tone: str = "good"


class Messages:
    """The messages that have not been shown yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}

    def add(self, message: Message) -> str:
        """Returns the key for the URL."""
        key = secrets.token_urlsafe(9)
        self._waiting[key] = message
        if len(self._waiting) > MAX_MESSAGES:
            del self._waiting[next(iter(self._waiting))]
        return key

    def take(self, key: str) -> Message | None:
        return self._waiting.pop(key, None)


MESSAGES = web.AppKey("messages", Messages)


def redirect_with_message(request: web.Request, path: str, text: str, tone: str = "good") -> web.HTTPSeeOther:
    """A redirect to the dashboard's page `path`, which shows the text once."""
    key = request.app[MESSAGES].add(Message(text, tone))
    return web.HTTPSeeOther(f"/_sandbox/{path}{'&' if '?' in path else '?'}message={key}#message")
