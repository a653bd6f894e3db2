"""Detached orders through kills of their server: `tests/faults/kept_orders.py` does it twenty times."""

import pytest

from tests.faults.kept_orders import KeptOrders
from tests.ports import kept_port


@pytest.mark.slow
def test_a_killed_server_loses_no_order_and_ends_each_once(tmp_path):
    with kept_port() as port:
        KeptOrders(tmp_path, port).run(orders=12, kills=2)
