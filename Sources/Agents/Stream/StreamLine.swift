import FoundationEssentials

/// One line of Claude's stream-json, as far as Claudine understands it.
///
/// Every field is optional and a field of another type than expected counts as absent: fields come and go between versions, and a
/// line is worth what can be read of it.
struct StreamLine: Decodable {
    let type: String?
    let subtype: String?
    let sessionID: String?
    let model: String?
    let message: Message?
    let attempt: Int?
    let maxRetries: Int?
    let retryDelayMs: Double?
    let errorStatus: Int?
    let isError: Bool?
    let result: String?
    let errors: [String]?
    let terminalReason: String?
    let apiErrorStatus: Int?
    let turns: Int?
    let costUsd: Double?
    let usage: Usage?
    let modelUsage: [String: ModelUsage]?
    let permissionDenials: [Lenient<PermissionDenial>]?

    private enum Key: String, CodingKey {
        case type, subtype, model, message, attempt, result, errors, usage, modelUsage
        case sessionID = "session_id"
        case maxRetries = "max_retries"
        case retryDelayMs = "retry_delay_ms"
        case errorStatus = "error_status"
        case isError = "is_error"
        case terminalReason = "terminal_reason"
        case apiErrorStatus = "api_error_status"
        case turns = "num_turns"
        case costUsd = "total_cost_usd"
        case permissionDenials = "permission_denials"
    }

    init(from decoder: any Decoder) throws {
        let fields = LenientFields(try decoder.container(keyedBy: Key.self))
        type = fields[.type]
        subtype = fields[.subtype]
        sessionID = fields[.sessionID]
        model = fields[.model]
        message = fields[.message]
        attempt = fields[.attempt]
        maxRetries = fields[.maxRetries]
        retryDelayMs = fields[.retryDelayMs]
        errorStatus = fields[.errorStatus]
        isError = fields[.isError]
        result = fields[.result]
        errors = fields[.errors]
        terminalReason = fields[.terminalReason]
        apiErrorStatus = fields[.apiErrorStatus]
        turns = fields[.turns]
        costUsd = fields[.costUsd]
        usage = fields[.usage]
        modelUsage = fields[.modelUsage]
        permissionDenials = fields[.permissionDenials]
    }

    struct Message: Decodable {
        let content: [Lenient<ContentBlock>]

        private enum Key: String, CodingKey { case content }

        init(from decoder: any Decoder) throws {
            let fields = LenientFields(try decoder.container(keyedBy: Key.self))
            let text: String? = fields[.content]
            content = text.map { [Lenient(ContentBlock(text: $0))] } ?? fields[.content] ?? []
        }
    }

    struct ContentBlock: Decodable {
        let type: String?
        let text: String?
        let name: String?
        let input: ToolInput?
        let isError: Bool?
        /// What a tool gave back: a string, or a list of blocks.
        let content: String?

        private enum Key: String, CodingKey {
            case type, text, name, input, content
            case isError = "is_error"
        }

        init(text: String) {
            (type, self.text, name, input, isError, content) = ("text", text, nil, nil, nil, nil)
        }

        init(from decoder: any Decoder) throws {
            let fields = LenientFields(try decoder.container(keyedBy: Key.self))
            type = fields[.type]
            text = fields[.text]
            name = fields[.name]
            input = fields[.input]
            isError = fields[.isError]
            let blocks: [Lenient<ContentBlock>]? = fields[.content]
            content = fields[.content] ?? blocks?.compactMap { $0.value?.text }.first
        }
    }

    struct PermissionDenial: Decodable {
        let tool: String

        private enum CodingKeys: String, CodingKey { case tool = "tool_name" }
    }

    /// Tokens of this run, as the API names them.
    struct Usage: Decodable {
        let usage: AgentUsage

        private enum Key: String, CodingKey {
            case input = "input_tokens"
            case output = "output_tokens"
            case cacheRead = "cache_read_input_tokens"
            case cacheWrite = "cache_creation_input_tokens"
        }

        init(from decoder: any Decoder) throws {
            usage = AgentUsage(
                LenientFields(try decoder.container(keyedBy: Key.self)), .input, .output, .cacheRead, .cacheWrite)
        }
    }

    /// Tokens of the whole session for one model, as Claude names them.
    struct ModelUsage: Decodable {
        let usage: AgentUsage

        private enum Key: String, CodingKey {
            case input = "inputTokens"
            case output = "outputTokens"
            case cacheRead = "cacheReadInputTokens"
            case cacheWrite = "cacheCreationInputTokens"
        }

        init(from decoder: any Decoder) throws {
            usage = AgentUsage(
                LenientFields(try decoder.container(keyedBy: Key.self)), .input, .output, .cacheRead, .cacheWrite)
        }
    }
}

extension AgentUsage {
    /// A negative number is not a count.
    fileprivate init<Key>(
        _ fields: LenientFields<Key>, _ input: Key, _ output: Key, _ cacheRead: Key, _ cacheWrite: Key
    ) {
        func count(_ key: Key) -> Int { max(0, fields[key] ?? 0) }
        self.init(
            inputTokens: count(input), outputTokens: count(output), cacheReadTokens: count(cacheRead),
            cacheWriteTokens: count(cacheWrite))
    }
}
