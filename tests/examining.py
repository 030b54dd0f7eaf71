"""A computer that is examined, and what was found, by area."""

import asyncio

from testio_mcp.clients.locations import Computer
from testio_mcp.services.doctor import examine
from testio_mcp.services.doctor.findings import Case
from testio_mcp.settings import Loaded


class Patient:
    """`environment` is what the checks see; settings are as given, whatever it says."""

    def __init__(self, settings, home, **environment):
        self.settings = settings
        self.computer = Computer("linux", home, environment)
        self.problems, self.warnings = [], []
        self.mended = []

    def examination(self, *, mend=False):
        loaded = Loaded(self.settings, self.problems, self.warnings, secrets={"s3cr3t"})
        return examine(Case(loaded, self.computer), mend=mend)

    def findings(self, *, mend=False):
        """The finding of each area, where it has one, by the area."""
        found = self.examination(mend=mend)
        self.mended = found.mended
        return {one.area: one for one in found.findings}

    def states(self, *areas, mend=False):
        found = self.findings(mend=mend)
        return [found[area].state if area in found else None for area in areas]

    async def beside_servers(self):
        """The same, while servers of the test answer."""
        return await asyncio.to_thread(self.findings)


def judged(found, *, worse_than="ok"):
    """The areas that are not as they should be."""
    return {area: one.state for area, one in found.items() if one.state != worse_than}
