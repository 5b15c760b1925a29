"""Put an error into words that PostgreSQL and a log can hold, whatever the error is."""

_MAX_LENGTH = 2000


def describe_error(error: BaseException) -> str:
    """The type and message of an error. Never raises, also if the error's own `str()` does."""
    return clean_text(f"{name_error(error)}: {_read_message(error)}")


def name_error(error: BaseException) -> str:
    """The type of an error, without its message, which may quote a payload.

    For an error of the database it also names the driver's error, such as ReadOnlySqlTransaction.
    """
    try:
        name, cause = type(error).__name__, error.__cause__
        is_of_driver = cause is not None and type(cause).__module__.startswith("psycopg")
        if is_of_driver and type(cause).__name__ != name:
            name = f"{name} ({type(cause).__name__})"
        return clean_text(name)
    except BaseException:  # as in _read_message
        return "Error"


def describe_failure(message: object) -> str:
    """A message that is meant for people."""
    return clean_text(_read_message(message))


def clean_text(text: str) -> str:
    # PostgreSQL's text holds no NUL and no half of a surrogate pair.
    return text[:_MAX_LENGTH].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _read_message(error: object) -> str:
    try:
        # `join` makes a plain string of a subclass, whose methods may fail as well.
        return "".join(str(error)[:_MAX_LENGTH])
    except BaseException as unreadable:  # also SystemExit: the words are not worth a worker
        return f"(its message cannot be read: {type(unreadable).__name__})"
