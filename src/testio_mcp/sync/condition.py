"""What a process knows of why its cache is not refreshed."""

from dataclasses import dataclass

from testio_mcp.errors import TestIOMcpError


@dataclass
class Condition:
    """What keeps the cache from being refreshed; shared by all calls of a process."""

    # Something only a person can mend, such as a missing token.
    blocked: TestIOMcpError | None = None
    last_error: TestIOMcpError | None = None
    # Whether the token has been seen to be this customer's.
    is_verified: bool = False
    is_offline: bool = False

    @property
    def failure(self) -> TestIOMcpError | None:
        return self.blocked or self.last_error
