"""Model and form fields for one-line texts, such as names: see `audit.one_line`."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models

from audit.one_line import fold_to_one_line

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
    TextField = models.TextField[str, str]
    Field = models.Field[str, str]
else:
    CharField, TextField, Field = models.CharField, models.TextField, models.Field


class OneLineFormField(forms.CharField):
    """Folds what a person typed or pasted to one line."""

    def to_python(self, value: Any) -> str:
        return fold_to_one_line(super().to_python(value) or "")


class _OneLine(Field):
    """Folds every value that is saved or looked up, wherever it comes from: a form or a command.

    `audit.arrays` stores values as they are: `mirror.parsing` folds what WorkOS sends.
    """

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        # The column is a plain one, so that migrations do not name this class.
        name, _, arguments, options = super().deconstruct()
        return name, f"django.db.models.{self.get_internal_type()}", arguments, options

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = fold_to_one_line(value)
            setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return fold_to_one_line(value) if isinstance(value, str) else value

    def formfield(self, *arguments: Any, **options: Any) -> Any:
        return super().formfield(*arguments, **{"form_class": OneLineFormField, **options})


class OneLineCharField(_OneLine, CharField):
    pass


class OneLineTextField(_OneLine, TextField):
    pass
