"""`testio-mcp sandbox`: what it prints is what somebody needs to use it."""

import signal
import socket
import subprocess
import sys

import httpx

from testio_mcp.cli.exit_codes import ExitCode


def test_it_says_what_to_set_and_how_and_ends_with_ctrl_c():
    command = [sys.executable, "-m", "testio_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        url = said["TESTIO_CUSTOMER_API_BASE_URL"]
        token = said["TESTIO_CUSTOMER_API_TOKEN"]
        answer = httpx.get(f"{url}/products", headers={"Authorization": f"Token {token}"})
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert answer.status_code == 200
    assert (out, process.returncode) == ("", 0)
    assert all(words in err for words in ("Ctrl-C", "export NAME=VALUE", '$env:NAME = "VALUE"'))


def test_a_port_in_use_is_said(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("sandbox", "--port", str(port))
    assert done.code == ExitCode.FAILED
    assert done.err.startswith(
        f"testio-mcp: The sandbox cannot listen on port {port}: Address already in use. "
    )
    assert "--port" in done.err
