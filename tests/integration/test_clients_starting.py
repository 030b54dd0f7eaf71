"""Programs that clients name, started for a moment, and what is said of those that do not work."""

import json
import sys

import psutil
import pytest
from tests.watching import until

from testio_mcp.clients.entries import Entry
from testio_mcp.clients.starting import Diagnosis, NotStarted, start

SERVER = {"serverInfo": {"name": "testio", "version": "9.9"}}
ANSWER = "import sys, json; request = json.loads(sys.stdin.readline());"
# Answers the first request, and the one after it with the result that it is given.
DIAGNOSED = f"""
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request.get("id") == 1:
        print(json.dumps({{"id": 1, "result": {SERVER}}}), flush=True)
    elif "id" in request:
        assert request["params"]["name"] == "get_server_diagnostics", request
        print(json.dumps({{"id": request["id"], **json.loads(sys.argv[1])}}), flush=True)
"""


def python(source, *args, **env):
    return Entry(sys.executable, ("-c", source, *args), env)


def saying(message):
    return python(f"{ANSWER} print({json.dumps(json.dumps(message))}, flush=True)")


async def started(entry, within=60, environment=None, secrets=(), is_diagnosed=False):
    return await start(
        entry,
        environment or {},
        within=within,
        secrets={*secrets},
        is_diagnosed=is_diagnosed,
    )


async def diagnosis_of(answer, **options):
    entry = python(DIAGNOSED, json.dumps(answer))
    return (await started(entry, is_diagnosed=True, **options)).diagnosis


async def refusal(entry, **options):
    with pytest.raises(NotStarted) as caught:
        await started(entry, **options)
    return str(caught.value)


async def test_a_server_says_its_name_and_is_ended():
    source = (
        f"{ANSWER} print(json.dumps({{'jsonrpc': '2.0', 'method': 'notifications/message'}}));"
        f"print(json.dumps({{'id': request['id'], 'result': {SERVER}}}), flush=True);"
        "sys.stdin.read()"
    )
    found = await started(python(source))
    assert (found.name, found.version) == ("testio", "9.9")
    assert not [child for child in psutil.Process().children() if source in child.cmdline()]


async def test_one_that_goes_on_without_input_is_ended_with_what_it_started(tmp_path):
    note = tmp_path / "pid"
    waiting = "import signal; signal.pause()"
    source = (
        f"{ANSWER} import subprocess;"
        f"child = subprocess.Popen([sys.executable, '-c', {waiting!r}]);"
        f"open(sys.argv[1], 'w').write(str(child.pid));"
        f"print(json.dumps({{'id': 1, 'result': {SERVER}}}), flush=True); {waiting}"
    )
    await started(python(source, str(note)))
    child = int(note.read_text())
    # It was told to; the system may take a moment.
    await until(lambda: is_over(child))


def is_over(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_program_gets_what_a_client_would_give_it_and_no_more():
    source = (
        f"{ANSWER} import os; seen = {{n: os.environ.get(n) for n in ('HOME', 'OWN', 'SECRET')}};"
        "info = {'name': json.dumps(seen), 'version': '1'};"
        "print(json.dumps({'id': 1, 'result': {'serverInfo': info}}), flush=True)"
    )
    found = await started(python(source, OWN="x"), environment={"HOME": "/h", "SECRET": "s"})
    assert json.loads(found.name) == {"HOME": "/h", "OWN": "x", "SECRET": None}


async def test_a_program_that_is_not_there_is_named():
    assert await refusal(Entry("/nowhere/testio-mcp")) == "There is no program /nowhere/testio-mcp."


async def test_a_file_that_is_no_program_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "may not be started" in await refusal(Entry(str(tmp_path / "file")))


async def test_a_program_that_ends_at_once_is_told_with_its_last_words():
    source = "import sys; print('first', file=sys.stderr); sys.exit('bad token s3cr3t')"
    said = await refusal(python(source), secrets={"s3cr3t", ""})
    assert said == ("It ended with code 1 before it answered. Its last words: bad token ***")


async def test_a_program_that_says_nothing_is_not_waited_for():
    assert "did not answer within 0.5 s" in await refusal(
        python("import sys; sys.stdin.read()"), within=0.5
    )


@pytest.mark.parametrize("message", [[1], 5, {"id": 1, "error": {"code": 1}}, {"id": 1}])
async def test_something_else_than_an_answer_is_no_server(message):
    assert "other than MCP" in await refusal(saying(message))


async def test_text_on_the_standard_output_is_no_server():
    assert "must be JSON-RPC" in await refusal(python("print('Welcome!', flush=True)"))


async def test_a_server_is_asked_how_it_is_and_its_words_hold_no_secret():
    found = {
        "problems": ["The token s3cr3t\nis refused."],
        "warnings": ["TESTIO_X is not a setting."],
        "api": {"reachable": False},
    }
    answer = {"result": {"structuredContent": {"diagnostics": found}}}
    assert await diagnosis_of(answer, secrets={"s3cr3t"}) == Diagnosis(
        ("The token *** is refused.",), ("TESTIO_X is not a setting.",), False
    )


@pytest.mark.parametrize(
    "answer",
    [{"error": {"code": -32602}}, {"result": {}}, {"result": {"structuredContent": {"x": 1}}}],
)
async def test_a_server_that_does_not_know_the_question_has_no_diagnosis(answer):
    assert await diagnosis_of(answer) is None


async def test_a_server_that_cannot_say_how_it_is_says_why():
    content = [{"type": "text", "text": "The disk is full."}]
    found = await diagnosis_of({"result": {"isError": True, "content": content}})
    assert found.problems == ("The disk is full.",)


async def test_a_server_that_ends_or_waits_before_it_says_how_it_is_does_not_work():
    said = f"{ANSWER} print(json.dumps({{'id': 1, 'result': {SERVER}}}), flush=True);"
    ended = await refusal(python(f"{said} sys.exit('no disk')"), is_diagnosed=True)
    assert ended == "It ended with code 1 before it answered. Its last words: no disk"
    waiting = python(f"{said} sys.stdin.read()")
    late = await refusal(waiting, is_diagnosed=True, within=1)
    assert late == "It started, but did not answer within 1 s."
