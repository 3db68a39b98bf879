"""Opens many connections, says "ready", and closes them all at a line on standard input.

usage: flood.py PORT COUNT
"""

import resource
import socket
import sys

# The test has lowered its own limit, and children inherit it.
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
connections = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) for _ in range(int(sys.argv[2]))]
print("ready", flush=True)
sys.stdin.readline()
for connection in connections:
    connection.close()
