"""Django database backend that starts the embedded PostgreSQL when it first connects.

The setting `HOST` is the data folder. A command that needs no database starts no server.
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
