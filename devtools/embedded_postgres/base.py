"""Django's PostgreSQL backend, which starts the server of its data folder when it first connects.

`HOST` names the data folder. Commands that need no database start none.
"""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

from devtools.embedded_postgres import ensure_running


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["host"] = ensure_running(Path(self.settings_dict["HOST"]))
        return params
