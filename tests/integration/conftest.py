import pytest


@pytest.fixture
def world(sandbox):
    return sandbox.world
