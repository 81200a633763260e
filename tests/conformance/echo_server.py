"""A WebSocket server that sends every message back, with compression if the client wants it.

Takes the file that its port is written to.
"""

import asyncio
import sys

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    # The suite sends messages of 16 MiB.
    async with serve(echo, "127.0.0.1", 0, max_size=32 * 1024 * 1024) as server:
        with open(sys.argv[1], "w") as file:
            file.write(str(server.sockets[0].getsockname()[1]))
        await server.serve_forever()


asyncio.run(main())
