"""The site without the receiver in front, so that the Django view answers deliveries: an ASGI application."""

from django.conf import settings

from hostapp.server.process import ServerProcess
from hostapp.server.site import ThreadedSite
from hostapp.wsgi import application as wsgi_application


class NoReceiver:
    """Takes no request."""

    is_ready = True

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    def takes(self, path: str) -> bool:
        return False


application = ServerProcess(
    NoReceiver(),  # type: ignore[arg-type]
    ThreadedSite(wsgi_application, threads=settings.WEB_THREADS),
    threads=settings.WEB_THREADS,
    request_seconds=settings.WEB_PATIENCE,
)
