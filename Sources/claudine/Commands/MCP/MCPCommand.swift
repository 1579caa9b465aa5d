import ArgumentParser

/// `claudine mcp`: delegation for clients of the Model Context Protocol.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "Let an agent delegate tasks: the MCP server.",
        subcommands: [ServeMCP.self, InstallMCP.self, UninstallMCP.self, CheckMCP.self, MCPReference.self],
        defaultSubcommand: ServeMCP.self)
}
