"""The endpoints of the Customer API that are read, with the quirks of the real one."""

import asyncio
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from testio_mcp.sandbox.faults import FaultKind, Suffered
from testio_mcp.sandbox.generated import encode, list_text
from testio_mcp.sandbox.paging import page_of, window
from testio_mcp.sandbox.records import UnknownId
from testio_mcp.sandbox.reviews import REJECT_REASONS
from testio_mcp.sandbox.scale import FOREIGN_BUG_IDS, FOREIGN_PRODUCT_IDS, FOREIGN_TEST_IDS
from testio_mcp.sandbox.selection import (
    TESTS_AT_ONCE,
    BadFilter,
    ForeignId,
    executions_of_stories,
    tests_of_filters,
)
from testio_mcp.sandbox.world import World

# Where the faults that a request met are found in its scope.
MET = "sandbox.met"

# Other words are ignored, as all that TestIO does not know.
EXPORT_STATUSES = frozenset({"exported", "not_exported"})


def api_routes(world: World) -> Starlette:
    answers = Answers(world)
    return Starlette(
        routes=[
            Route("/products", answers.products),
            Route("/products/{id:int}", answers.product),
            Route("/products/{id:int}/exploratory_tests", answers.tests),
            Route("/products/{id:int}/features", answers.features),
            Route("/products/{id:int}/sections/{section_id:int}/features", answers.features),
            Route("/products/{id:int}/user_stories", answers.user_stories),
            Route("/exploratory_tests/{id:int}", answers.test),
            Route("/bugs", answers.bugs),
            Route("/bugs/reject_reasons", answers.reject_reasons),
            Route("/bugs/{id:int}", answers.bug),
            Route("/user_story_version_executions", answers.executions),
        ],
        exception_handlers={
            HTTPException: explain,
            UnknownId: _not_found,
            BadFilter: _unprocessable,
            ForeignId: _forbidden,
        },
    )


class Answers:
    """One method an endpoint; each answers from the world as it stands."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def products(self, request: Request) -> Response:
        ids = self._world.product_ids()
        return answer({"products": [self._world.product_row(id_) for id_ in ids]})

    async def product(self, request: Request) -> Response:
        return answer({"product": self._world.product_row(_own_product(request))})

    async def tests(self, request: Request) -> Response:
        ids = self._world.test_ids(_own_product(request))
        wanted = page_of(ids, request.query_params, _met(request))
        if self._world.breaks_list(wanted):
            raise HTTPException(500, "Internal server error")
        rows = []
        for turn, id_ in enumerate(wanted):
            rows.append(self._world.test_row(id_, expanded=_expanded(request)))
            if turn % TESTS_AT_ONCE == TESTS_AT_ONCE - 1:
                await asyncio.sleep(0)
        return answer({"exploratory_tests": rows})

    async def test(self, request: Request) -> Response:
        id_ = _own_id(request, FOREIGN_TEST_IDS)
        row = self._world.test_with_figures(id_, expanded=_expanded(request))
        if self._world.breaks_alone(id_):
            raise HTTPException(500, "Internal server error")
        return answer({"exploratory_test": row})

    async def bugs(self, request: Request) -> Response:
        parts = []
        for turn, test_id in enumerate(tests_of_filters(self._world, request.query_params)):
            parts.append(self._bugs_text(test_id, request.query_params.get("export_status")))
            if turn % TESTS_AT_ONCE == TESTS_AT_ONCE - 1:
                await asyncio.sleep(0)
        return _json(f'{{"bugs":[{",".join(filter(None, parts))}]}}')

    async def bug(self, request: Request) -> Response:
        return answer({"bug": self._world.bug_row(_own_id(request, FOREIGN_BUG_IDS))})

    async def reject_reasons(self, request: Request) -> Response:
        return answer({"reject_reasons": REJECT_REASONS})

    async def features(self, request: Request) -> Response:
        section_id = self._section(request, request.path_params.get("section_id"))
        features = self._world.features(_own_product(request), section_id)
        rows = [feature.row(expanded=_expanded(request)) for feature in features]
        return answer({"features": rows})

    async def user_stories(self, request: Request) -> Response:
        given = request.query_params.get("section_id", "")
        section_id = self._section(request, int(given) if given.isdecimal() else None)
        features = self._world.features(_own_product(request), section_id)
        rows = [story.row() for feature in features for story in feature.stories]
        return answer({"user_stories": rows})

    async def executions(self, request: Request) -> Response:
        given = request.query_params.getlist("user_story_ids[]")
        story_ids = [int(id_) for id_ in given if id_.isdecimal()]
        order = request.query_params.get("order", "desc")
        start, stop = window(request.query_params, _met(request))
        rows, total = await executions_of_stories(self._world, story_ids, order, start, stop)
        return answer({"user_story_version_executions": rows, "meta": {"record_count": total}})

    def _bugs_text(self, test_id: int, export_status: str | None) -> str:
        if export_status not in EXPORT_STATUSES:
            return self._world.bugs_text(test_id)
        exported = export_status == "exported"
        bugs = self._world.bugs(test_id)
        return list_text([bug for bug in bugs if bool(bug.get("exported_at")) is exported])

    def _section(self, request: Request, section_id: int | None) -> int | None:
        """Refuses what needs a section and names none, or one of another product."""
        product = self._world.product(_own_product(request))
        if section_id is None:
            if product.sections:
                broken = _met(request).of(FaultKind.SECTIONS_500)
                raise HTTPException(500 if broken else 422, "The product has sections: name one")
        elif all(section.id != section_id for section in product.every_section()):
            raise UnknownId("section", section_id)
        return section_id


def answer(content: Mapping[str, object]) -> Response:
    return _json(encode(content))


def error(status: int, message: str) -> Response:
    return Response(encode({"error": message}), status, media_type="application/json")


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _met(request: Request) -> Suffered:
    met = request.scope[MET]
    assert isinstance(met, Suffered)
    return met


def _expanded(request: Request) -> bool:
    return "user_stories" in request.query_params.getlist("includes[]")


def _own_product(request: Request) -> int:
    return _own_id(request, FOREIGN_PRODUCT_IDS)


def _own_id(request: Request, foreign: range) -> int:
    id_ = int(request.path_params["id"])
    if id_ in foreign:
        raise ForeignId
    return id_


async def explain(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return error(problem.status_code, problem.detail)


async def _not_found(_: Request, problem: Exception) -> Response:
    return error(404, "Not found")


async def _unprocessable(_: Request, problem: Exception) -> Response:
    return error(422, str(problem))


async def _forbidden(_: Request, problem: Exception) -> Response:
    return error(403, "Forbidden")
