"""URLs of the rows of a list. To reverse the URL of each row takes longer than to render the row."""

from collections.abc import Callable

from django.urls import reverse


def row_urls(url_name: str, slug: str) -> Callable[[int], str]:
    """For a URL that takes the enterprise's slug and then a row's number: from the number to the URL."""
    head, _, tail = reverse(url_name, args=[slug, 0]).rpartition("/0/")
    return lambda number: f"{head}/{number}/{tail}"
