"""What a caller sees of an examination."""

from testio_mcp.domain.findings import Verdict
from testio_mcp.views.base import View


class Finding(View):
    area: str
    state: Verdict
    found: str
    to_do: str | None


class ShownSetting(View):
    """A secret is shown as set and no more; `source` says where the value comes from."""

    variable: str
    value: str
    source: str


class Examination(View):
    findings: list[Finding]
    settings: list[ShownSetting]
    # What was mended, in sentences.
    mended: list[str]

    @property
    def is_sound(self) -> bool:
        """Warnings do not count."""
        return all(finding.state != Verdict.PROBLEM for finding in self.findings)
