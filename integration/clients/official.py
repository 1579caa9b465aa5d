"""The client of the official SDK, in one of its modes, at a server that it starts, or at one that listens: `official.py MODE COMMAND ARG…`
or `official.py MODE URL TOKEN`.

Runs in an environment of mcp_environments. The SDK checks every frame against its own types; what a tool says is checked against
its output schema once more, by another library. Ends with one JSON object on standard output, or with the first exception.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

#: Read-only tools, and what each is called with; "TASK" is the task that was delegated.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("PolicyInfo", {}),
    ("PolicyInfo", {"policy": "strict"}),
    ("TaskStatus", {}),
    ("TaskStatus", {"taskId": "TASK"}),
    ("TaskLogs", {"taskId": "TASK"}),
    ("TaskLogs", {"taskId": "TASK", "cursor": "start", "maxBytes": 256}),
    ("TaskResult", {"taskId": "TASK"}),
    ("WaitTask", {"taskIds": ["TASK"], "timeoutSeconds": 1}),
]


class Visit:
    """One connection, and what was seen over it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.tools: dict[str, Any] = {}
        self.called: list[str] = []

    async def everything(self) -> dict[str, Any]:
        tools = await self.client.list_tools(cache_mode="bypass")
        assert tools.next_cursor is None, "more than one page of tools"
        self.tools = {tool.name: tool for tool in tools.tools}
        for tool in self.tools.values():
            Draft202012Validator.check_schema(tool.input_schema)
            Draft202012Validator.check_schema(tool.output_schema)
        task = (await self.call("DelegateTask", {"prompt": f"Say hello {os.getpid()}.", "agent": "demo"}))["taskId"]
        while (await self.call("WaitTask", {"taskIds": [task], "timeoutSeconds": 20}))["timedOut"]:
            pass
        for name, arguments in CALLS:
            await self.call(name, {key: self.filled(value, task) for key, value in arguments.items()})
        reading = {tool.name for tool in self.tools.values() if tool.annotations.read_only_hint}
        assert reading <= set(self.called), f"not called: {reading - set(self.called)}"
        ended = await self.call("TaskResult", {"taskId": task})
        return {
            "version": self.client.protocol_version,
            "server": self.client.server_info.name if self.client.server_info else None,
            "tools": len(self.tools),
            "calls": len(self.called),
            "resources": await self.resources(task),
            "prompts": await self.prompts(task),
            "state": ended["state"],
        }

    @staticmethod
    def filled(value: Any, task: str) -> Any:
        return json.loads(json.dumps(value).replace("TASK", task))

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.call_tool(name, arguments)
        assert not answer.is_error, f"{name} {arguments}: {answer}"
        Draft202012Validator(self.tools[name].output_schema).validate(answer.structured_content)
        assert json.loads(answer.content[0].text) == answer.structured_content, f"{name}: text and structured content differ"
        self.called.append(name)
        return dict(answer.structured_content)

    async def resources(self, task: str) -> int:
        """Reads all that are listed, and all of the delegated task that the templates tell of; how many those were."""
        uris = {str(resource.uri) for resource in (await self.client.list_resources()).resources}
        for template in (await self.client.list_resource_templates()).resource_templates:
            uris.add(template.uri_template.split("{?")[0].replace("{taskId}", task))
        for uri in uris:
            contents = (await self.client.read_resource(uri)).contents
            assert contents and all(content.text for content in contents), f"{uri}: {contents}"
        return len(uris)

    async def prompts(self, task: str) -> int:
        found = (await self.client.list_prompts()).prompts
        for prompt in found:
            values = {"taskId": task, "parts": "2"}
            arguments = {one.name: values.get(one.name, "tidy up") for one in prompt.arguments or [] if one.required}
            messages = (await self.client.get_prompt(prompt.name, arguments)).messages
            assert messages, prompt.name
        return len(found)


async def main(mode: str, command: list[str]) -> None:
    if command[0].startswith("http://"):
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {command[1]}"})
        server: Any = streamable_http_client(command[0], http_client=http)
    else:
        server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with Client(server, mode=mode, read_timeout_seconds=60) as client:
        print(json.dumps(await Visit(client).everything()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
