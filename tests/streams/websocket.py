"""Drives the example `websocket` with Python's websockets.

usage: websocket.py HOST:PORT
"""

import asyncio
import sys

import websockets

ADDRESS = f"ws://{sys.argv[1]}"


def connect(path):
    return websockets.connect(ADDRESS + path, max_size=2**25, open_timeout=20, close_timeout=20)


async def echo():
    async with connect("/echo") as socket:
        for message in ["", "hello", "\u00e4\U0001f600" * 1000, b"", bytes(range(256)) * 4096, "x" * 5_000_000]:
            await socket.send(message)
            assert await socket.recv() == message
        # An iterable goes out as one message in fragments.
        await socket.send(["a", "b" * 70_000, "c"])
        assert await socket.recv() == "a" + "b" * 70_000 + "c"
        for _ in range(10):
            await asyncio.wait_for(await socket.ping(), 20)
        # Many at once, so that both directions are under way.
        for number in range(1000):
            await socket.send(str(number))
        for number in range(1000):
            assert await socket.recv() == str(number)
    assert socket.close_code == 1000, socket.close_code


async def chat():
    members = [await connect("/chat") for _ in range(50)]
    for number, member in enumerate(members[:10]):
        await member.send(f"from {number}")
        heard = await asyncio.gather(*(each.recv() for each in members))
        assert heard == [f"from {number}"] * 50, heard
    # One that leaves is missed by nobody.
    await members.pop().close(4000, "enough")
    await members[0].send("last")
    assert await asyncio.gather(*(each.recv() for each in members)) == ["last"] * 49
    for member in members:
        await member.close()
        assert member.close_code == 1000, member.close_code


async def main():
    await asyncio.wait_for(echo(), 50)
    await asyncio.wait_for(chat(), 50)


asyncio.run(main())
print("all passed")
