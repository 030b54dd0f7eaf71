"""What is declared in one place has what it needs in the others."""

from tests.factories import FACTORIES

from testio_mcp.tables import TABLES


def test_every_table_has_a_factory():
    assert set(TABLES) == FACTORIES.keys()
