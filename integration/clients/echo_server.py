"""The smallest server that the official SDK makes, with one tool that says what it was told: what mcp_bench.py measures beside ours."""

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> str:
    """Say what you were told."""
    return text


server.run("stdio")
