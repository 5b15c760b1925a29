from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from enterprises import access


def home(request: HttpRequest) -> HttpResponse:
    memberships = list(access.memberships(request.user))
    # Someone with one enterprise has nothing to choose, unless they also run the place.
    if len(memberships) == 1 and not request.user.is_staff:
        return redirect(memberships[0].enterprise)
    return render(request, "hostapp/home.html", {"memberships": memberships})
