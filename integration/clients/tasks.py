"""An independent client of the Tasks extension at a server on standard input and output: `tasks.py COMMAND ARG…`.

Runs in an environment of mcp_environments. Ends with one JSON object on standard output, or with the first exception.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp_tasks import call_tool_task


async def finished(client: Client[Any]) -> dict[str, Any]:
    """A delegation that is followed by polling to its result."""
    task = await call_tool_task(client, "DelegateTask", {"prompt": "Say hello.", "agent": "demo"})
    first = await task.status()
    assert first.task_id == task.task_id, f"{first}"
    result = await asyncio.wait_for(task.result(), 90)
    assert not result.is_error, f"{result}"
    last = await task.status()
    assert last.status == "completed", f"{last}"
    # The id of the protocol's task is the one that the tools take.
    told = await client.call_tool("TaskResult", {"taskId": task.task_id})
    assert told.structured_content == result.structured_content, f"{told}\n{result}"
    return {"first": first.status, "last": last.status, "state": result.structured_content["state"]}


async def cancelled(client: Client[Any]) -> dict[str, Any]:
    """One that would take its time."""
    task = await call_tool_task(client, "DelegateTask", {"prompt": "sleep 300", "agent": "script"})
    while (await client.call_tool("TaskStatus", {"taskId": task.task_id})).structured_content["tasks"][0]["state"] != "running":
        await asyncio.sleep(0.05)
    await task.cancel()
    last = await task.wait(timeout=60)
    assert last.status == "cancelled", f"{last}"
    await task.cancel()
    assert (await task.status()).status == "cancelled"
    return {"last": last.status}


async def failed(client: Client[Any]) -> dict[str, Any]:
    """One whose agent fails: a completed task with a result that says so."""
    task = await call_tool_task(client, "DelegateTask", {"prompt": "exit 3", "agent": "script"}, raise_on_error=False)
    last = await task.wait(timeout=90)
    result = await task.result()
    assert last.status == "completed" and result.is_error, f"{last} {result}"
    return {"last": last.status, "isError": result.is_error}


async def unaware(client: Client[Any]) -> dict[str, Any]:
    """The plain call of a client that follows tasks by itself: it comes back with the result."""
    result = await client.call_tool("DelegateTask", {"prompt": "Say good-bye.", "agent": "demo"})
    return {"state": result.structured_content["state"]}


async def main(command: list[str]) -> None:
    transport = StdioTransport(command[0], command[1:], env=dict(os.environ), keep_alive=False)
    async with Client(transport) as client:
        found = {}
        for scene in (finished, cancelled, failed, unaware):
            found[scene.__name__] = await scene(client)
        print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
