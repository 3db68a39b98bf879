"""Uploads blindly with Python's urllib, many at once, and prints how many read this status.

usage: urllib.py URL METHOD SIZE RATE EXPECT COUNT STATUS     RATE 0 is as fast as it goes, EXPECT - is none
"""

import sys
import threading
import time
import urllib.error
import urllib.request

URL, METHOD, SIZE, RATE, EXPECT, COUNT, STATUS = sys.argv[1:]
SIZE, RATE, COUNT, STATUS = int(SIZE), int(RATE), int(COUNT), int(STATUS)
read = []


def body():
    if not RATE:
        yield from (b"x" * 100_000 for _ in range(SIZE // 100_000))
        return
    for _ in range(SIZE // (RATE // 10)):
        yield b"x" * (RATE // 10)
        time.sleep(0.1)
    yield b"x" * (SIZE % (RATE // 10))


def upload():
    headers = {"Content-Length": str(SIZE), "Content-Type": "application/octet-stream"}
    if EXPECT != "-":
        headers["Expect"] = EXPECT
    request = urllib.request.Request(URL, data=body(), headers=headers, method=METHOD)
    try:
        read.append(urllib.request.urlopen(request, timeout=60).status)
    except urllib.error.HTTPError as error:
        read.append(error.code)
    except OSError as error:
        print(error, file=sys.stderr)


threads = [threading.Thread(target=upload) for _ in range(COUNT)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(read.count(STATUS))
