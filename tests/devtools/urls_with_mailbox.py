"""The project's URLs as development has them."""

from django.urls import include, path

from hostapp.urls import handler500, urlpatterns

__all__ = ["handler500", "urlpatterns"]

urlpatterns = [*urlpatterns, path("dev/mailbox/", include("devtools.mailbox.urls"))]
