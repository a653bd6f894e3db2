"""Every route says what a key must be for to be answered there, in one table, and the table has no other."""

from imagine.server.dialects import DIALECTS
from imagine.server.http import scopes
from imagine.server.http.paths import plain
from imagine.words.keys import SCOPES


def test_every_route_has_its_scope_in_the_table_and_no_other_is_there():
    routes = {(route.method, plain(route.path)) for dialect in DIALECTS for route in dialect.routes}
    assert routes - scopes.ROUTE_SCOPES.keys() == set(), "these have no scope: see server/http/scopes.py"
    assert scopes.ROUTE_SCOPES.keys() - routes == set(), "these are no routes any more"


def test_none_is_there_twice_and_what_takes_orders_is_for_drawing():
    texts = (scopes.ANY, scopes.GENERATE, scopes.MODELS, scopes.WORKER, scopes.ADMIN)
    rows = [line for text in texts for line in text.split("\n")]
    rows = [row for row in rows if row]
    assert len(rows) == len(set(rows)) == len(scopes.ROUTE_SCOPES)
    assert {*scopes.ROUTE_SCOPES.values()} == {None, *SCOPES}
    drawing = {(route.method, plain(route.path)) for dialect in DIALECTS for route in dialect.routes if route.orders}
    assert {scopes.ROUTE_SCOPES[each] for each in drawing} == {"generate"}
