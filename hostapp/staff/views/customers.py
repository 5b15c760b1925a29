"""The list of customers, and the search for anything that a customer quotes."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hostapp.staff.forms import CustomersForm
from hostapp.staff.listing import list_customers
from hostapp.staff.references import find_reference
from hostapp.staff.rights import Right, staff_only


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def show_customers(request: HttpRequest) -> HttpResponse:
    form = CustomersForm(request.GET)
    is_valid = form.is_valid()
    # Another page of the list may be asked for with a number that is none.
    data = {name: form.cleaned_data.get(name) for name in form.fields}
    search = data["q"] or ""
    is_attention_only = data["show"] == CustomersForm.ATTENTION
    if is_valid and search and (found := find_reference(search)):
        if found.customer is None:
            return redirect(found.url)
        page = reverse("staff:customer", args=[found.customer.slug])
        return redirect(f"{page}?{urlencode({'found': search})}")
    filters = urlencode({name: data[name] for name in ("q", "show") if data[name]})
    page_of_customers = list_customers(
        search=search,
        is_attention_only=is_attention_only,
        after=data["after"],
        before=data["before"],
        now=timezone.now(),
    )
    context = {
        "form": form,
        "page": page_of_customers,
        "filters": filters,
        "search": search,
        "is_attention_only": is_attention_only,
    }
    return render(request, "staff/customers.html", context)
