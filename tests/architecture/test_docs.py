from pathlib import Path

import pytest
from cogapp import Cog

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_generated_sections_are_current(document, monkeypatch):
    """Refresh with `cog -r README.md docs/*.md`."""
    monkeypatch.chdir(ROOT)
    assert Cog().main(["cog", "--check", "--diff", document]) == 0
