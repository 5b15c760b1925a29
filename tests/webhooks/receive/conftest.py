"""The fixture `to`: both receivers, one after the other."""

import pytest

from tests.webhooks.receive.senders import Deliveries, ReceiverSender, ViewSender


@pytest.fixture(
    params=[
        pytest.param(ViewSender(), id="view", marks=pytest.mark.django_db),
        # It commits over its own connection.
        pytest.param(ReceiverSender(), id="receiver", marks=pytest.mark.django_db(transaction=True)),
    ]
)
def to(request: pytest.FixtureRequest) -> Deliveries:
    return Deliveries(request.param)
