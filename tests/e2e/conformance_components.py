"""What the official conformance suite expects of a server under test, as components of their own.

Mounted on the production server, they take the way that our tools take: through its middleware and
its HTTP server. To serve them to the suite:

    python -m tests.e2e.conformance_components [--with-sessions]

It prints its address on the standard error output and ends with its standard input.
"""

import asyncio
import json
import sys
from base64 import b64decode
from typing import Any

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.prompts import Message
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.tools import ToolResult
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)

from testio_mcp.app import open_demo
from testio_mcp.http_server import MCP_PATH, HttpServer, listening
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import load_settings

# A picture of one point, and a sound without a sample.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
RESOURCE = "test://embedded-resource"
WITH_SESSIONS = "--with-sessions"

type Schema = dict[str, Any]


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, words: str, mime_type: str = "text/plain") -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return EmbeddedResource(type="resource", resource=contents)


def elicitation(message: str, name: str, type: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": type}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(words: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(words))
    params = CreateMessageRequestParams(messages=[message], max_tokens=50)
    return CreateMessageRequest(params=params)


def content_of() -> dict[str, Any]:
    """Tools that answer with one kind of content or with several, and one that fails."""

    def fails() -> str:
        raise RuntimeError("This error is on purpose.")

    mixed = embedded("test://mixed-content-resource", '{"mixed": true}', "application/json")
    audio = AudioContent(type="audio", data=WAV, mime_type="audio/wav")
    return {
        "test_simple_text": lambda: "This is a simple text response for testing.",
        "test_image_content": lambda: ToolResult(content=[image()]),
        "test_audio_content": lambda: ToolResult(content=[audio]),
        "test_embedded_resource": lambda: ToolResult(content=[embedded(RESOURCE, "Embedded.")]),
        "test_multiple_content_types": lambda: ToolResult(
            content=[text("Three kinds of content:"), image(), mixed]
        ),
        "test_error_handling": fails,
    }


def notifying() -> dict[str, Any]:
    """Tools that say something before they answer."""

    async def log(ctx: Context) -> str:
        for step in ("started", "working", "finished"):
            await ctx.info(step)
        return "Logged three times."

    async def progress(ctx: Context) -> str:
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
        return "Reported progress three times."

    async def streaming(ctx: Context) -> str | InputRequiredResult:
        await ctx.report_progress(1, 2)
        return await name(ctx)

    return {
        "test_tool_with_logging": log,
        "test_logging_tool": log,
        "test_tool_with_progress": progress,
        "test_streaming_elicitation": streaming,
    }


def asking_in_between() -> dict[str, Any]:
    """Tools that ask the client while a call of it runs, as the revisions before 2026 have it."""

    async def ask(ctx: Context, message: str, properties: Schema) -> str:
        schema = {"type": "object", "properties": properties, "required": []}
        answer = await ctx.session.elicit_form(message, schema, ctx.request_id)
        return f"action={answer.action}, content={json.dumps(answer.content)}"

    async def elicit(ctx: Context, message: str) -> str:
        return await ask(ctx, message, {"response": {"type": "string"}})

    async def defaults(ctx: Context) -> str:
        return await ask(ctx, "Review the form.", DEFAULTS)

    async def enums(ctx: Context) -> str:
        return await ask(ctx, "Choose.", ENUMS)

    async def sample(ctx: Context, prompt: str) -> str:
        message = SamplingMessage(role="user", content=text(prompt))
        answer = await ctx.session.create_message(
            [message], max_tokens=100, related_request_id=ctx.request_id
        )
        return f"LLM response: {answer.content.text}"

    return {
        "test_elicitation": elicit,
        "test_elicitation_sep1034_defaults": defaults,
        "test_elicitation_sep1330_enums": enums,
        "test_sampling": sample,
    }


DEFAULTS: Schema = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {
        "type": "string",
        "enum": ["active", "inactive", "pending"],
        "default": "active",
    },
    "verified": {"type": "boolean", "default": True},
}
WORDS = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
ENUMS: Schema = {
    "untitledSingle": {"type": "string", "enum": WORDS},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": WORDS}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}


async def name(ctx: Context) -> str | InputRequiredResult:
    return await answered(ctx, {"user_name": elicitation("What is your name?", "name")})


async def answered(
    ctx: Context, requests: dict[str, Any], state: str | None = None
) -> str | InputRequiredResult:
    """What the client gave to all requests in an earlier round, or the requests."""
    given = ctx.input_responses or {}
    if requests.keys() <= given.keys() and ctx.request_state == state:
        answers = {key: given[key].model_dump(mode="json") for key in requests}
        return f"state-ok: {json.dumps(answers)}"
    return InputRequiredResult(input_requests=requests, request_state=state)


PREFIX = "test_input_required_result"
# Tools that answer with questions, as the revision of 2026 has it.
QUESTIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "sampling": ({"capital": sampling("What is the capital of France?")}, None),
    "list_roots": ({"client_roots": ListRootsRequest()}, None),
    "request_state": ({"confirm": elicitation("Sure?", "ok", "boolean")}, "round-1"),
    "tampered_state": ({"confirm": elicitation("Sure?", "ok", "boolean")}, "round-1"),
    "multiple_inputs": (
        {
            "user_name": elicitation("What is your name?", "name"),
            "greeting": sampling("Greet."),
            "client_roots": ListRootsRequest(),
        },
        "several",
    ),
}


def asking_in_rounds() -> dict[str, Any]:
    return {
        f"{PREFIX}_elicitation": name,
        f"{PREFIX}_multi_round": in_two_rounds,
        f"{PREFIX}_capabilities": what_is_allowed,
        "test_missing_capability": in_need_of_sampling,
        **{f"{PREFIX}_{kind}": asking(*asked) for kind, asked in QUESTIONS.items()},
    }


def asking(requests: dict[str, Any], state: str | None) -> Any:
    async def ask(ctx: Context) -> str | InputRequiredResult:
        return await answered(ctx, requests, state)

    return ask


async def in_two_rounds(ctx: Context) -> str | InputRequiredResult:
    second = {"step2": elicitation("Which colour?", "color")}
    match ctx.request_state:
        case None:
            first = {"step1": elicitation("What is your name?", "name")}
            return await answered(ctx, first, "round-1")
        case "round-1":
            return InputRequiredResult(input_requests=second, request_state="round-2")
    return await answered(ctx, second, "round-2")


async def what_is_allowed(ctx: Context) -> InputRequiredResult:
    capabilities = ctx.session.client_capabilities
    requests: dict[str, Any] = {}
    if capabilities and capabilities.sampling:
        requests["sample"] = sampling("Say hello.")
    if capabilities and capabilities.elicitation:
        requests["ask"] = elicitation("What is your name?", "name")
    return InputRequiredResult(input_requests=requests)


async def in_need_of_sampling(ctx: Context) -> str:
    capabilities = ctx.session.client_capabilities
    if capabilities and capabilities.sampling:
        return "Could ask."
    raise MCPError(
        code=MISSING_REQUIRED_CLIENT_CAPABILITY,
        message="The client has to support sampling.",
        data={"requiredCapabilities": {"sampling": {}}},
    )


def add_resources(server: FastMCP[Any]) -> None:
    @server.resource("test://static-text", description="A text.", mime_type="text/plain")
    def static_text() -> str:
        return "The text of a static resource."

    @server.resource("test://static-binary", description="A picture.", mime_type="image/png")
    def static_binary() -> ResourceResult:
        return ResourceResult([ResourceContent(b64decode(PNG), mime_type="image/png")])

    @server.resource("test://watched-resource", description="A text.", mime_type="text/plain")
    def watched() -> str:
        return "The text of a watched resource."

    @server.resource(
        "test://template/{id}/data", description="An object.", mime_type="application/json"
    )
    def template(id: str) -> str:
        return json.dumps({"id": id, "template": True})


def add_prompts(server: FastMCP[Any]) -> None:
    @server.prompt("test_simple_prompt", description="A prompt without arguments.")
    def simple() -> str:
        return "This is a simple prompt for testing."

    @server.prompt("test_prompt_with_arguments", description="A prompt with two arguments.")
    def with_arguments(arg1: str, arg2: str) -> str:
        return f"The arguments are {arg1!r} and {arg2!r}."

    @server.prompt("test_prompt_with_embedded_resource", description="A prompt with a resource.")
    def with_resource(resourceUri: str) -> list[Message]:
        return [Message(embedded(resourceUri, "Embedded.")), Message("Read the resource.")]

    @server.prompt("test_prompt_with_image", description="A prompt with a picture.")
    def with_image() -> list[Message]:
        return [Message(image()), Message("Look at the picture.")]

    @server.prompt("test_input_required_result_prompt", description="A prompt that asks first.")
    async def asking(ctx: Context) -> str | InputRequiredResult:
        return await answered(ctx, {"user_context": elicitation("Which context?", "context")})


def create_conforming_server(opening: Opening) -> FastMCP[Any]:
    """The production server, with the components beside ours."""
    server = create_server(opening)
    groups = (content_of(), notifying(), asking_in_between(), asking_in_rounds())
    for tools in groups:
        for called, function in tools.items():
            server.tool(
                function, name=called, description="A tool for the suite.", output_schema=None
            )
    add_resources(server)
    add_prompts(server)
    return server


async def serve(*, with_sessions: bool) -> None:
    listener = listening("127.0.0.1", 0, is_protected=False)
    server = create_conforming_server(Opening(lambda: open_demo(load_settings())))
    serving: uvicorn.Server = HttpServer(server, listener)
    if with_sessions:
        # Only a session lets a server ask a client of the revisions before 2026.
        app = server.http_app(path=MCP_PATH, host_origin_protection=True)
        serving = uvicorn.Server(uvicorn.Config(app, log_config=None))
    port = listener.getsockname()[1]
    sys.stderr.write(f"Serving MCP on http://127.0.0.1:{port}{MCP_PATH}\n")
    sys.stderr.flush()
    running = asyncio.create_task(serving.serve(sockets=[listener]))
    await asyncio.to_thread(sys.stdin.read)
    serving.should_exit = True
    await running


if __name__ == "__main__":
    asyncio.run(serve(with_sessions=WITH_SESSIONS in sys.argv))
