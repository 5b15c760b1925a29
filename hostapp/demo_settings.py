"""Settings of `manage.py demo`: the sandbox and the demo's own database, whatever .env and the shell say.

The demo creates users with known passwords and empties its database at each start. It must never use a real
database or a real API key.
"""

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path

from hostapp.environment import EnvironmentVariables, InvalidSettings

_BASE = Path(__file__).resolve().parent.parent
# Holds the demo's database and secrets. Tests use another folder.
_FOLDER = Path(os.environ.get("DEMO_FOLDER", _BASE / ".demo"))

_variables = EnvironmentVariables(os.environ)
DEMO_PORT = _variables.integer("DEMO_PORT", default=8000, least=1, most=65_535)
DEMO_SANDBOX_PORT = _variables.integer("DEMO_SANDBOX_PORT", default=4100, least=1, most=65_535)
if _variables.problems:
    raise InvalidSettings(f"Some settings are missing or unsafe: {'; '.join(_variables.problems)}.")


def _read_or_create_secret(name: str) -> str:
    """The secret kept in the file `name`: the same in every process of the demo."""
    file = _FOLDER / name
    _FOLDER.mkdir(exist_ok=True)
    if not file.exists():
        # Complete at once, under its name: processes of the demo start at the same time.
        with tempfile.NamedTemporaryFile("w", dir=_FOLDER, prefix=f"{name}.", delete=False) as draft:
            draft.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, file)
        os.unlink(draft.name)
    # For this user alone, also where an older version wrote it for all.
    file.chmod(0o600)
    return file.read_text()


for _name in re.findall(r"^#? ?([A-Z_]+)=", (_BASE / ".env.example").read_text(), re.MULTILINE):
    os.environ.pop(_name, None)

os.environ.update(
    ENV_FILE="",
    DEBUG="on",
    SUPPORT_EMAIL="support@saas.example",
    SECRET_KEY=_read_or_create_secret("secret_key"),
    SITE_URL=f"http://localhost:{DEMO_PORT}",
    EMBEDDED_POSTGRES=str(_FOLDER / "postgres" / "data"),
    # Visitors of the demo try everything in a few minutes.
    PORTAL_LIMIT_PERSON="1000",
    PORTAL_LIMIT_ENTERPRISE="1000",
    WORKOS_API_KEY="sk_test_demo",
    WORKOS_CLIENT_ID="client_demo",
    WORKOS_BASE_URL=f"http://localhost:{DEMO_SANDBOX_PORT}",
    WORKOS_WEBHOOK_SECRET=_read_or_create_secret("webhook_secret"),
    WEB_ACCESS_LOG="on" if os.environ.get("DEMO_VERBOSE") else "off",
)

from hostapp.settings import *  # noqa: E402, F403

# Error pages as in production; static files without collectstatic, as in development.
DEBUG = False
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
DEV_MAILBOX = str(_FOLDER / "mailbox")
