"""Drives a server with Python's http.client and with raw sockets: clients that this project did not write.

usage: http_client.py PORT
"""

import http.client
import socket
import sys
import threading

PORT = int(sys.argv[1])
HELLO = b"Hello, World!"


def connect():
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)


def keep_alive():
    """Many requests of all kinds over one connection, which must stay the same one."""
    connection = connect()
    connection.connect()
    local = connection.sock.getsockname()
    for turn in range(200):
        connection.request("GET", "/plaintext")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, HELLO), turn
        assert connection.sock is not None and connection.sock.getsockname() == local, "a new connection"
    connection.close()


def head():
    connection = connect()
    connection.request("HEAD", "/plaintext")
    response = connection.getresponse()
    assert response.status == 200 and response.getheader("Content-Length") == "13" and response.read() == b""
    connection.request("GET", "/plaintext")
    assert connection.getresponse().read() == HELLO
    connection.close()


def uploads():
    connection = connect()
    body = bytes(range(256)) * 256
    connection.request("POST", "/echo", body=body)
    response = connection.getresponse()
    assert response.status == 200 and response.read() == body
    # An iterable without a length: http.client sends it chunked.
    connection.request("POST", "/echo", body=(b"x" * size for size in range(1, 300)), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    response = connection.getresponse()
    assert response.status == 200 and response.read() == b"x" * sum(range(1, 300))
    connection.close()


def chunked_answer():
    connection = connect()
    connection.request("GET", "/stream")
    response = connection.getresponse()
    assert response.status == 200 and response.chunked and len(response.read()) > 0
    connection.request("GET", "/plaintext")
    assert connection.getresponse().read() == HELLO
    connection.close()


def pipelining():
    request = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as sock:
        sock.sendall(request * 99 + request.replace(b"Host", b"Connection: close\r\nHost"))
        answers = b""
        while piece := sock.recv(65536):
            answers += piece
    assert answers.count(b"HTTP/1.1 200 ") == 100 and answers.count(HELLO) == 100


def side_by_side():
    threads = [threading.Thread(target=checked, args=(keep_alive,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


failures = []


def checked(check):
    try:
        check()
    except Exception as error:  # noqa: BLE001: whatever it is, the run has failed
        failures.append(f"{check.__name__}: {error!r}")


for each in (keep_alive, head, uploads, chunked_answer, pipelining, side_by_side):
    checked(each)
if failures:
    sys.exit("\n".join(failures))
print("all of http.client's checks passed")
