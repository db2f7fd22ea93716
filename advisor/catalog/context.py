"""Published results, software, roadmap and claims from their tables."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.catalog import context_tables as tables
from advisor.catalog.market import read_objects
from advisor.catalog.read import Layer
from advisor.domain.claims import Claim, SpecConflict
from advisor.domain.published import AgenticRun, MlperfResult, PublishedFigure
from advisor.domain.roadmap import RoadmapPart
from advisor.domain.software import BenchmarkConfig, KnownIssue, Package, Release, SupportRow


def read_mlperf(layers: Sequence[Layer]) -> list[MlperfResult]:
    """MLPerf Inference results."""
    return read_objects(MlperfResult, tables.MLPERF, layers)


def read_published(layers: Sequence[Layer]) -> list[PublishedFigure]:
    """Figures of published tables."""
    return read_objects(PublishedFigure, tables.PUBLISHED, layers, "date")


def read_agentic(layers: Sequence[Layer]) -> list[AgenticRun]:
    """Agentic trace replays."""
    return read_objects(AgenticRun, tables.AGENTIC, layers, "date")


def read_software(layers: Sequence[Layer]) -> list[SupportRow]:
    """Engine x architecture x feature."""
    return read_objects(SupportRow, tables.SOFTWARE, layers)


def read_issues(layers: Sequence[Layer]) -> list[KnownIssue]:
    """Public problems."""
    return read_objects(KnownIssue, tables.ISSUES, layers)


def read_releases(layers: Sequence[Layer]) -> list[Release]:
    """Releases of software stacks."""
    return read_objects(Release, tables.RELEASES, layers, "date")


def read_packages(layers: Sequence[Layer]) -> list[Package]:
    """Package index state."""
    return read_objects(Package, tables.PACKAGES, layers)


def read_coverage(layers: Sequence[Layer]) -> list[BenchmarkConfig]:
    """Configurations of the public suite."""
    return read_objects(BenchmarkConfig, tables.COVERAGE, layers)


def read_roadmap(layers: Sequence[Layer]) -> list[RoadmapPart]:
    """Upcoming parts."""
    return read_objects(RoadmapPart, tables.ROADMAP, layers)


def read_claims(layers: Sequence[Layer]) -> list[Claim]:
    """Public claims."""
    return read_objects(Claim, tables.CLAIMS, layers)


def read_conflicts(layers: Sequence[Layer]) -> list[SpecConflict]:
    """Conflicting specifications."""
    return read_objects(SpecConflict, tables.CONFLICTS, layers)
