import OrderedCollections

/// One message from the peer.
public enum Message: Hashable, Sendable {
    case request(RequestID, method: String, params: JSON)
    case notification(method: String, params: JSON)
    /// The answer to a request of ours: a result or an error.
    case response(RequestID, Result<JSON, ResponseError>)
}

extension Message {
    /// Why bytes are no message.
    public struct Refusal: Error, Hashable, Sendable {
        /// Whom to tell; nil where that cannot be read for certain, and a guess could answer another request.
        public var id: RequestID?
        public var error: ResponseError
    }

    /// - Parameter bytes: one JSON text.
    public static func read(_ bytes: some Collection<UInt8>) throws(Refusal) -> Message {
        let reading: JSONParser.Reading
        do {
            reading = try JSONParser.read(bytes)
        } catch {
            throw Refusal(error: ResponseError(.parse, error.sentence))
        }
        guard case .object(let members) = reading.value else {
            throw Refusal(
                error: ResponseError(.invalidRequest, "A message is one JSON object, not \(reading.value.kind)."))
        }
        let id = RequestID(members["id"])
        let isAnswer = members["method"] == nil && (members["result"] != nil || members["error"] != nil)
        func refusal(_ sentence: String) -> Refusal {
            let isCertain = !isAnswer && !reading.duplicateNames.contains("id") && !reading.hasReplaced(members["id"])
            return Refusal(id: isCertain ? id : nil, error: ResponseError(.invalidRequest, sentence))
        }
        if let name = reading.duplicateNames.min() {
            throw refusal("The name '\(name.prefix(100))' comes twice in one object.")
        }
        guard !reading.hasLoneSurrogate else { throw refusal("A string has half of a surrogate pair.") }
        guard members["jsonrpc"] == "2.0" else { throw refusal("'jsonrpc' has to be \"2.0\".") }
        if isAnswer {
            guard let id else { throw refusal("An answer has the id of a request.") }
            return try .response(id, answer(reading.value))
        }
        guard let method = members["method"]?.string, !method.isEmpty else {
            throw refusal("'method' has to be a string.")
        }
        let params = members["params"] ?? [:]
        guard params.object != nil else { throw refusal("'params' has to be an object, not \(params.kind).") }
        guard members["id"] != nil else { return .notification(method: method, params: params) }
        guard let id else {
            throw refusal("'id' has to be an integer of 64 bits, or a string of at most \(RequestID.mostBytes) bytes.")
        }
        return .request(id, method: method, params: params)
    }

    private static func answer(_ message: JSON) throws(Refusal) -> Result<JSON, ResponseError> {
        if let result = message["result"] { return .success(result) }
        guard let error = message["error"], let code = error["code"]?.integer, let text = error["message"]?.string
        else {
            throw Refusal(error: ResponseError(.invalidRequest, "An error has a code and a message."))
        }
        return .failure(ResponseError(ResponseError.Code(rawValue: code), text, data: error["data"]))
    }

    /// The bytes of a message, without the end of its line.
    public var bytes: [UInt8] {
        switch self {
        case .request(let id, let method, let params):
            JSON.members(["jsonrpc": "2.0", "id": id.json, "method": .string(method), "params": params]).bytes
        case .notification(let method, let params):
            JSON.members(["jsonrpc": "2.0", "method": .string(method), "params": params.isEmptyObject ? nil : params])
                .bytes
        case .response(let id, .success(let result)):
            JSON.members(["jsonrpc": "2.0", "id": id.json, "result": result]).bytes
        case .response(let id, .failure(let error)):
            JSON.members(["jsonrpc": "2.0", "id": id.json, "error": error.json]).bytes
        }
    }
}

extension JSON {
    fileprivate var isEmptyObject: Bool { object?.isEmpty == true }
}

extension JSONParser.Failure {
    fileprivate var sentence: String {
        switch self {
        case .syntax(let offset): "This is not JSON: see its byte \(offset)."
        case .invalidUTF8(let offset): "This is not UTF-8: see the string at its byte \(offset)."
        case .tooDeep(let most): "There are more than \(most) arrays and objects in one another."
        }
    }
}

extension JSONParser.Reading {
    /// Whether half of a surrogate pair may have stood in this value.
    fileprivate func hasReplaced(_ value: JSON?) -> Bool {
        hasLoneSurrogate && value?.string?.unicodeScalars.contains("\u{fffd}") == true
    }
}
