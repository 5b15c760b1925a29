"""Static files with hashed names, whose manifest is not served with them."""

from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Keeps the manifest, a list of all files, in a folder beside STATIC_ROOT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        manifest_storage = FileSystemStorage(location=f"{settings.STATIC_ROOT}-manifest")
        super().__init__(*args, manifest_storage=manifest_storage, **kwargs)
