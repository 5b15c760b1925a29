"""Settings from the environment, which overrides the file `.env`. `.env.example` explains each of them.

Without `DEBUG` this is production: if settings are missing or unsafe, it does not start and names them all,
without their values. `hostapp.environment` reads variables, `hostapp.setting_formats` knows their formats.
"""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy

from hostapp import setting_formats as formats
from hostapp.environment import InvalidSettings, read_environment
from hostapp.logs import build_logging
from hostapp.receiver_settings import (
    CONNECT_TIMEOUT,
    build_connection_parameters,
    read_log_format,
    read_metrics_config,
    read_receiver_config,
    read_sentry_dsn,
    read_server_settings,
)
from hostapp.setting_formats import Origin

BASE_DIR = Path(__file__).resolve().parent.parent

# Tests and the demo must not depend on a developer's .env: they set ENV_FILE to nothing.
env = read_environment(BASE_DIR / ".env")
_problems = env.problems

DEBUG = env.boolean("DEBUG", default=False)

# --- The site's URL --------------------------------------------------------------------------------------

SECRET_KEY = env.parsed("SECRET_KEY", str if DEBUG else formats.parse_secret_key, default="", required=True)

_site = env.parsed(
    "SITE_URL",
    formats.parse_origin,
    default=Origin("http", "localhost", 8000),
    # The URL that people type, such as https://app.acme.example.
    required=not DEBUG,
)
if _site.scheme != "https" and not DEBUG and env.is_valid("SITE_URL"):
    _problems.append("SITE_URL must be https in production")
SITE_URL = str(_site)

ALLOWED_HOSTS = [f"[{_site.host}]" if ":" in _site.host else _site.host]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
if DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]

# --- The database ----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, object]]
_database: dict[str, Any] = env.parsed(
    "DATABASE_URL", formats.parse_database_url, default={}, required=not DEBUG
)
_embedded = env.text("EMBEDDED_POSTGRES", default=str(BASE_DIR / ".postgres" / "data"))
if _database:
    DATABASES = {"default": _database}
    DATABASES["default"]["OPTIONS"] = {
        # If the database does not answer, fail soon: no thread hangs.
        "connect_timeout": CONNECT_TIMEOUT,
        **_database.get("OPTIONS", {}),
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "devtools.embedded_postgres",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": _embedded,
        }
    }
# To open a connection takes longer than the rest of a webhook delivery.
DATABASES["default"]["CONN_MAX_AGE"] = env.integer("DATABASE_CONN_MAX_AGE", default=60, least=0, most=86_400)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A direct connection on which the worker hears of new events, if DATABASE_URL leads to a pooler in
# transaction mode: such a pooler passes no notifications on.
_listen: dict[str, Any] = env.parsed("DATABASE_LISTEN_URL", formats.parse_database_url, default={})
OUTBOX_LISTEN_PARAMETERS = build_connection_parameters(_listen) if _listen else {}
# A cursor that outlives its transaction fails behind a pooler such as PgBouncer in transaction mode. What is
# long is read in pages instead.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- WorkOS ----------------------------------------------------------------------------------------------

WORKOS_API_KEY = env.parsed("WORKOS_API_KEY", formats.parse_api_key, default="", required=not DEBUG)
_allow_test_key = env.boolean("WORKOS_ALLOW_TEST_KEY", default=False)
if WORKOS_API_KEY.startswith("sk_test_") and not DEBUG and not _allow_test_key:
    _problems.append(
        "WORKOS_API_KEY is a key of WorkOS's staging environment (sk_test_…): use one of production, "
        "or set WORKOS_ALLOW_TEST_KEY=on if this is your staging"
    )
WORKOS_CLIENT_ID = env.parsed("WORKOS_CLIENT_ID", formats.parse_client_id, default="")

WORKOS_API_HOSTS = env.items("WORKOS_API_HOSTS", formats.parse_host, default=["api.workos.com"])
WORKOS_BASE_URL = env.parsed("WORKOS_BASE_URL", formats.parse_base_url, default="https://api.workos.com")
_api = formats.parse_base_origin(WORKOS_BASE_URL)
if not DEBUG and (_api.scheme != "https" or _api.host not in WORKOS_API_HOSTS):
    _problems.append("WORKOS_BASE_URL must be https in production, and its host one of WORKOS_API_HOSTS")

# What the receiver needs as well when it runs alone.
_receiver = read_receiver_config(env, debug=DEBUG)
WORKOS_WEBHOOK_SECRETS = list(_receiver.secrets.values())
WORKOS_WEBHOOK_SECRET_NAMES = list(_receiver.secrets)
WORKOS_WEBHOOK_TOLERANCE = int(_receiver.tolerance.total_seconds())
WORKOS_WEBHOOK_TOKEN = _receiver.token
WORKOS_WEBHOOK_SOURCES = _receiver.sources
WORKOS_WEBHOOK_REFUSALS_INTERVAL = _receiver.refusals_interval
# Days for which applied, stale and ignored events, and the personal data in them, are kept. 0 means forever.
WEBHOOK_EVENTS_KEPT_DAYS = env.integer("WEBHOOK_EVENTS_KEPT_DAYS", default=90, least=0, most=36_500)
if 0 < WEBHOOK_EVENTS_KEPT_DAYS < 31:
    # WorkOS lists the events of 30 days: catch-up would take one that is deleted earlier for a new one.
    _problems.append("WEBHOOK_EVENTS_KEPT_DAYS must be 31 or more, or 0 to keep events forever")
# Seconds between two runs of catch-up, which reads the Events API, in the worker. 0 switches it off.
CATCH_UP_INTERVAL = env.integer("CATCH_UP_INTERVAL", default=300, least=0, most=86_400)

# Seconds between two comparisons of everything with WorkOS's lists, in the worker. 0 switches it off.
RECONCILE_INTERVAL = env.integer("RECONCILE_INTERVAL", default=21_600, least=0, most=604_800)

# Seconds. A person may be waiting.
WORKOS_TIMEOUT = env.number("WORKOS_TIMEOUT", default=8.0, least=0.1, most=60)

# Keep WorkOS's IT contacts, who get its alerts, equal to the IT admins.
WORKOS_SYNC_IT_CONTACTS = env.boolean("WORKOS_SYNC_IT_CONTACTS", default=True)

# Hosts that a Portal Link may lead to.
WORKOS_LINK_HOSTS = env.items(
    "WORKOS_LINK_HOSTS", formats.parse_host_and_port, default=["setup.workos.com", "id.workos.com"]
)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
WORKOS_LINK_ORIGINS = [f"https://{host}" for host in WORKOS_LINK_HOSTS]
if DEBUG and _api.host in _LOOPBACK:
    # The sandbox's links lead to itself, by either of its names.
    _port = f":{_api.port}" if _api.port else ""
    WORKOS_LINK_ORIGINS += [f"{_api.scheme}://{host}{_port}" for host in ("localhost", "127.0.0.1")]

# Seconds. An action that cannot be undone needs a sign-in that is newer than this, or the password again.
SIGN_IN_MAX_AGE = env.integer("SIGN_IN_MAX_AGE", default=900, least=1, most=31_536_000)
# How often the Admin Portal may be opened, or setup links sent, in ten minutes.
PORTAL_LIMIT_PERSON = env.integer("PORTAL_LIMIT_PERSON", default=30, least=1, most=100_000)
PORTAL_LIMIT_ENTERPRISE = env.integer("PORTAL_LIMIT_ENTERPRISE", default=100, least=1, most=100_000)
# How many invitations may be sent in an hour.
INVITATION_LIMIT_PERSON = env.integer("INVITATION_LIMIT_PERSON", default=20, least=1, most=100_000)
INVITATION_LIMIT_ENTERPRISE = env.integer("INVITATION_LIMIT_ENTERPRISE", default=40, least=1, most=100_000)

# --- The look: with hostapp/static/hostapp/brand.css -------------------------------------------------------

PRODUCT_NAME = env.parsed("PRODUCT_NAME", formats.parse_product_name, default="Portal Host")
# A static file: an SVG image, the icon of the site and the mark in the bar.
PRODUCT_LOGO = env.parsed("PRODUCT_LOGO", formats.parse_svg_file, default="hostapp/logo.svg")
# The colour of the button in mails, as #rrggbb. Pages take theirs from brand.css.
PRODUCT_ACCENT = env.parsed("PRODUCT_ACCENT", formats.parse_color, default="#2b50c8")
# Links in the bar and at the foot of each page. A link that is not set is not shown.
PRODUCT_URL = env.parsed("PRODUCT_URL", formats.parse_link, default="")
HELP_URL = env.parsed("HELP_URL", formats.parse_link, default="")
STATUS_URL = env.parsed("STATUS_URL", formats.parse_link, default="")
PRIVACY_URL = env.parsed("PRIVACY_URL", formats.parse_link, default="")

# --- What the packages below need from here ---------------------------------------------------------------

OUTBOX_TASKS = "hostapp.tasks.TASKS"
OUTBOX_STEPS = "hostapp.tasks.STEPS"
OUTBOX_PERIODIC_JOBS = "hostapp.tasks.PERIODIC_JOBS"

ENTERPRISES_BASE_TEMPLATE = "base.html"
ENTERPRISES_OVERVIEW_URL_NAME = "portal:overview"
ENTERPRISES_STAFF_PAGE_URL_NAME = "staff:customer"
ENTERPRISES_STAFF_HEADER_TEMPLATE = "staff/customer_header.html"
# The tabs of an enterprise's pages: label, URL name, and whether only IT admins see it.
ENTERPRISES_NAV = [
    (gettext_lazy("Overview"), "portal:overview", False),
    (gettext_lazy("Members"), "enterprises:members", False),
    (gettext_lazy("Directory"), "enterprises:people", True),
    (gettext_lazy("Activity"), "enterprises:activity", True),
    (gettext_lazy("Setup links"), "portal:setup_links", True),
]

# The dotted path of a function that takes an Enterprise. The worker calls it after provisioning.
ENTERPRISE_PROVISIONED_HOOK = env.parsed("ENTERPRISE_PROVISIONED_HOOK", formats.parse_dotted_path, default="")

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
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "webhooks.receive.middleware.receive_webhooks_first",
    "hostapp.health.answer_probes",
    "hostapp.metrics.answer_scrapes",
    "hostapp.middleware.RequestReferenceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hostapp.url_tokens.NoReferrerMiddleware",
    "csp.middleware.CSPMiddleware",
    "hostapp.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hostapp.sessions.SessionUseMiddleware",
    "hostapp.time_zones.TimeZoneMiddleware",
    "hostapp.sign_in.KnownBrowserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "hostapp.ended_sessions.EndedSessionMiddleware",
    "hostapp.bad_requests.BadRequestMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hostapp.middleware.LockTimeoutMiddleware",
]

ROOT_URLCONF = "hostapp.urls"
WSGI_APPLICATION = "hostapp.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            # {% time %}, without {% load %}.
            "builtins": ["enterprises.templatetags.times"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hostapp.context_processors.product",
                "hostapp.context_processors.account",
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
SESSION_ENGINE = "hostapp.sessions"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "hostapp.views.csrf_failure"

AUTH_PASSWORD_VALIDATORS = [{"NAME": "hostapp.passwords.PasswordValidator"}]

EMAIL_CONFIG = env.parsed(
    "EMAIL_URL",
    formats.parse_email_url,
    default={"EMAIL_BACKEND": "devtools.mailbox.backend.EmailBackend"},
    required=not DEBUG,
)
# The folder of the mails that development keeps instead of sending them, and shows at /dev/mailbox/. Blank in
# production, which has no such page: anyone could read the links in the mails.
DEV_MAILBOX = ""
if DEBUG and EMAIL_CONFIG["EMAIL_BACKEND"].startswith("devtools."):
    DEV_MAILBOX = str(BASE_DIR / ".mailbox")
vars().update(EMAIL_CONFIG)
# Seconds that the mail server may take for one answer. A task's lease is five minutes.
EMAIL_TIMEOUT = env.number("EMAIL_TIMEOUT", default=10.0, least=0.1, most=60)
DEFAULT_FROM_EMAIL = env.parsed("DEFAULT_FROM_EMAIL", formats.parse_sender, default=f"no-reply@{_site.host}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# The address that pages and mails give to IT admins for questions.
SUPPORT_EMAIL = env.parsed("SUPPORT_EMAIL", formats.parse_email, default=f"support@{_site.host}")

# docs/translating.md says how to add a language.
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "hostapp.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Files -----------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "hostapp.static_files.HashedStaticFilesStorage"
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

BEHIND_TLS_PROXY = env.boolean("BEHIND_TLS_PROXY", default=False)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", default=31_536_000, least=0, most=315_360_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("SECURE_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.boolean("SECURE_HSTS_PRELOAD", default=False)
if SECURE_HSTS_PRELOAD and not SECURE_HSTS_INCLUDE_SUBDOMAINS:
    _problems.append("SECURE_HSTS_PRELOAD needs SECURE_HSTS_SUBDOMAINS=on: browsers preload whole domains")
if DEBUG:
    SECURE_HSTS_SECONDS = 0
else:
    SECURE_SSL_REDIRECT = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if BEHIND_TLS_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The other subdomains of this site's domain may be none of ours: whether they are https, too, and whether
# browsers preload that, are the operator's to decide (SECURE_HSTS_SUBDOMAINS, SECURE_HSTS_PRELOAD).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# Our own proxies. X-Forwarded-For is read from the right, as far as they wrote it.
TRUSTED_PROXIES = _receiver.trusted_proxies
if BEHIND_TLS_PROXY and not TRUSTED_PROXIES and env.is_valid("TRUSTED_PROXIES"):
    # All visitors would share the proxy's address, and with it the limit of sign-in attempts.
    _problems.append(
        "TRUSTED_PROXIES is not set, and BEHIND_TLS_PROXY is on: name the networks of your proxies"
    )

# --- The web server: manage.py serve ---------------------------------------------------------------------

_server = read_server_settings(env)
WEB_CONCURRENCY = _server.processes
# Threads of each process.
WEB_THREADS = env.integer("WEB_THREADS", default=40, least=1, most=1000)
WEB_PATIENCE = _server.request_seconds

# --- Metrics: /metrics, for Prometheus ------------------------------------------------------------------

METRICS = read_metrics_config(env, _receiver.trusted_proxies)

# --- Logs ------------------------------------------------------------------------------------------------

LOG_LEVEL = _server.log_level
LOGGING = build_logging(
    level=LOG_LEVEL,
    log_format=read_log_format(env, debug=DEBUG),
    access_log=env.boolean("WEB_ACCESS_LOG", default=False),
)

# --- Reports of errors -----------------------------------------------------------------------------------

SENTRY_DSN = read_sentry_dsn(env)

if _problems:
    raise InvalidSettings(
        "Some settings are missing or unsafe: "
        + "; ".join(_problems)
        + ". See .env.example (for development, `make .env` writes one)."
    )
