"""The folder of mails: one file for each, named by the time."""

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

MAX_MAILS = 200
_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{8}")
# A link ends before the punctuation of the sentence that it stands in.
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")


@dataclass(frozen=True)
class StoredMail:
    """A mail as it was sent. `name` is the name of its file, without the suffix."""

    name: str
    to: str
    subject: str
    text: str
    html: str

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.name.partition("-")[0]) / 1e9, UTC)

    @property
    def links(self) -> list[str]:
        """The links in the text, each once."""
        return list(dict.fromkeys(_LINK.findall(self.text)))


def save_mail(folder: Path, content: bytes) -> None:
    """Write a mail, and delete the oldest ones beyond MAX_MAILS."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A folder that was there before may be open to others.
    folder.chmod(0o700)
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    draft = folder / f"{name}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    # Complete at once: the mailbox may be read at this moment.
    draft.rename(folder / f"{name}.eml")
    for old in list_names(folder)[MAX_MAILS:]:
        _path(folder, old).unlink(missing_ok=True)


def list_names(folder: Path) -> list[str]:
    """Newest first."""
    return sorted((file.stem for file in folder.glob("*.eml") if _NAME.fullmatch(file.stem)), reverse=True)


def read_mail(folder: Path, name: str) -> StoredMail | None:
    """The mail of this name, or None if there is none, or none any longer."""
    if not _NAME.fullmatch(name):
        return None
    try:
        content = _path(folder, name).read_bytes()
    except FileNotFoundError:
        return None
    message = message_from_bytes(content, policy=policy.default)
    return StoredMail(
        name,
        str(message.get("To", "")),
        str(message.get("Subject", "")),
        _read_body(message, "plain"),
        _read_body(message, "html"),
    )


def empty(folder: Path) -> None:
    for name in list_names(folder):
        with contextlib.suppress(FileNotFoundError):
            _path(folder, name).unlink()


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.eml"


def _read_body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""
