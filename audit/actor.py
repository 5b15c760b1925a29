"""Who acts: a person, WorkOS, or this application."""

from dataclasses import dataclass

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from audit import conf
from audit.client_ip import find_client_ip, hides_client


@dataclass(frozen=True)
class Actor:
    """`name` as the audit log shows it, such as `Ada Adeyemi <ada@acme.example>`."""

    name: str
    client_ip: str | None = None
    user_id: int | None = None

    @classmethod
    def from_user(cls, user: AbstractBaseUser, *, client_ip: str | None = None) -> "Actor":
        return cls(describe_person(user), client_ip, user.pk)

    @classmethod
    def from_request(cls, request: HttpRequest) -> "Actor":
        """The person who is signed in, and the address of their request."""
        return cls.from_user(_require_user(request.user), client_ip=get_client_ip(request))


WORKOS = Actor("WorkOS")
APPLICATION = Actor("System")
COMMAND_LINE = Actor("Support (command line)")


def describe_person(user: AbstractBaseUser) -> str:
    """`Ada Adeyemi <ada@acme.example>`, or the address alone."""
    name, email = str(getattr(user, "name", "")), user.get_username()
    return f"{name} <{email}>" if name else email


def get_client_ip(request: HttpRequest) -> str | None:
    """The client's address, or None if it is unknown: unknown clients must not be counted as one."""
    remote_addr = request.META.get("REMOTE_ADDR", "")
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR", "")
    proxies = conf.trusted_proxies()
    if hides_client(remote_addr, forwarded_for, trusted_proxies=proxies):
        return None
    return find_client_ip(remote_addr, forwarded_for, trusted_proxies=proxies)


def _require_user(user: AbstractBaseUser | AnonymousUser) -> AbstractBaseUser:
    if not isinstance(user, AbstractBaseUser):
        raise TypeError("Nobody is signed in: the view must require a sign-in.")
    return user
