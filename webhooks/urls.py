from django.urls import re_path

from webhooks.receive import view
from webhooks.receive.url import PATH

app_name = "webhooks"
urlpatterns = [re_path(rf"^{PATH}$", view.receive, name="receive")]
