"""A trigger of the database, declared with a model's constraints, so that migrations create it."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_CREATE = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.session_generation := OLD.session_generation;
    IF OLD.is_active AND NOT NEW.is_active THEN
        NEW.session_generation := OLD.session_generation + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER {name} BEFORE UPDATE OF is_active, session_generation ON {table}
    FOR EACH ROW EXECUTE FUNCTION {name}()
"""
_DROP = "DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()"


class SessionsEndWithDeactivation(models.BaseConstraint):
    """Adds 1 to `session_generation` when `is_active` becomes false; nothing else changes that number.

    The database owns it, so that a bulk update and SQL end the sessions, too. A row that was read before the
    deactivation and is saved after it does not take the number back.
    """

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        # Not a part of CREATE TABLE: it comes after it.
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        return self._fill(_CREATE, model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        return self._fill(_DROP, model, schema_editor)

    def _fill(self, sql: str, model: Any, schema_editor: BaseDatabaseSchemaEditor) -> str:
        quote = schema_editor.connection.ops.quote_name
        return sql.format(name=quote(self.name), table=quote(model._meta.db_table))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """It refuses nothing."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)
