import Store

extension TaskRecord {
    /// One line for what it was asked to do.
    var work: String {
        (name ?? prompt ?? command?.joined(separator: " ") ?? "").oneLine
    }

    /// The lines of `claudine status`.
    var text: String {
        var lines: [(String, String)] = [("task", taskId.text)]
        func add(_ name: String, _ value: String?) {
            if let value { lines.append((name, value.oneLine)) }
        }
        add("name", name)
        add("labels", labels.isEmpty ? nil : labels.joined(separator: ", "))
        lines.append(("state", state.colour?.paint(state.rawValue) ?? state.rawValue))
        add("reason", reason.map { "[\($0.code.rawValue)] \($0.message)" })
        add("agent", agent)
        add("prompt", prompt?.oneLine.shortened(to: 200))
        add("command", command?.map(\.shellQuoted).joined(separator: " "))
        add("workspace", workspace)
        add("policy", policyText)
        add(
            "limits",
            limits.isEmpty
                ? nil : limits.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.plain)" }.joined(separator: ", "))
        add("created", createdAt.rfc3339)
        add("started", startedAt?.rfc3339)
        add("ended", endedAt?.rfc3339)
        add("attempts", attempts > 1 ? String(attempts) : nil)
        add("wall", wallMs.map(Span.text))
        add("exit", exit?.text)
        add("stragglers", stragglers.flatMap { $0 > 0 ? "\($0) ended after the leader was gone" : nil })
        add("output", output?.text)
        add("resources", resources?.text)
        add("usage", usage?.text)
        for violation in violations ?? [] {
            add(violation.mechanism == .workspace ? "changed" : "refused", violation.text)
        }
        add("session", sessionId)
        add("result", result.map { ($0.isError ? "error: " : "") + $0.text.oneLine.shortened(to: 400) })
        add("retry of", retryOf?.text)
        add("resumes", resumes?.text)
        add("client", client)
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { Colour.dim.paint($0.padded(to: width)) + "  " + $1 + "\n" }.joined()
    }

    private var policyText: String {
        var text = policy.name
        if let containment = policy.containment { text += " (\(containment))" }
        if let degraded = policy.degraded, !degraded.isEmpty {
            text += ", without " + degraded.joined(separator: ", ")
        }
        return text
    }
}

extension TaskState {
    var colour: Colour? {
        switch self {
        case .succeeded: .green
        case .failed, .refused, .lost, .timedOut: .red
        case .cancelled, .stopping: .yellow
        case .queued, .blocked, .starting, .running: nil
        }
    }
}

extension WorkerExit {
    fileprivate var text: String {
        switch self {
        case .code(let code): String(code)
        case .signal(let name): name
        }
    }
}

extension OutputTotals {
    fileprivate var text: String {
        func stream(_ name: String, _ bytes: Int64, _ dropped: Int64) -> String {
            "\(name) \(bytes) B" + (dropped > 0 ? " (\(dropped) B dropped)" : "")
        }
        return stream("stdout", stdoutBytes, stdoutDropped) + ", " + stream("stderr", stderrBytes, stderrDropped)
    }
}

extension ResourceUse {
    fileprivate var text: String? {
        let parts = [
            cpuMs.map { "cpu \(Span.text($0))" }, maxRssBytes.map { "memory \($0 >> 20) MiB" },
            maxProcesses.map { "processes \($0)" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension ModelUsage {
    fileprivate var text: String? {
        let parts = [
            inputTokens.map { "\($0) tokens in" }, outputTokens.map { "\($0) out" },
            cacheReadTokens.map { "\($0) from cache" }, costUsd.map { "\($0) USD" }, turns.map { "\($0) turns" },
            requests.map { "\($0) requests" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension JSONValue {
    fileprivate var plain: String {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): String(number)
        case .bool(let value): String(value)
        case .null, .array, .object: "…"
        }
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// As one would type it in a shell.
    fileprivate var shellQuoted: String {
        let harmless =
            !isEmpty
            && utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_./=:,+@%".utf8.contains(byte)
            }
        return harmless ? self : "'" + replacing("'", with: "'\\''") + "'"
    }
}
