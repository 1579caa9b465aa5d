import Foundation

// The fuzzer's entry for what a client of the Model Context Protocol may send. Compiled in one module with the frames and the JSON of
// Sources/MCP (integration/fuzz.py).
//
// The first byte says how the rest is cut into pieces. Any crash, trap or memory error is a finding, and so is a stream that means
// something else when it is cut differently, and a message that is not what it was when it is written and read again.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 1 else { return 0 }
    let stream = UnsafeRawBufferPointer(start: data + 1, count: count - 1)
    let step = Int(data[0]) + 1
    for most in [16, 4096] {
        let whole = lines(of: stream, step: stream.count, most: most)
        precondition(lines(of: stream, step: step, most: most) == whole, "cutting changes the meaning")
        for case .line(let line) in whole {
            precondition(line.count <= most && !line.contains(0x0a) && !line.isEmpty, "no line")
            read(line)
        }
    }
    return 0
}

private func lines(of stream: UnsafeRawBufferPointer, step: Int, most: Int) -> [LineSplitter.Line] {
    var splitter = LineSplitter(most: most)
    var found: [LineSplitter.Line] = []
    for start in stride(from: 0, to: stream.count, by: step) {
        let piece = stream[start..<min(start + step, stream.count)]
        splitter.feed(UnsafeRawBufferPointer(rebasing: piece)) { found.append($0) }
    }
    splitter.end { found.append($0) }
    return found
}

private func read(_ line: [UInt8]) {
    guard let reading = try? JSONParser.read(line) else {
        precondition((try? Message.read(line)) == nil, "a message that is no JSON")
        return
    }
    let written = reading.value.bytes
    precondition(!written.contains { $0 < 0x20 || $0 == 0x7f }, "what is written breaks a line")
    precondition((try? JSONParser.read(written))?.value == reading.value, "a value that is lost in writing")
    agree(reading, line)
    do throws(Message.Refusal) {
        let message = try Message.read(line)
        precondition(reading.isSound, "a message with a defect")
        precondition((try? Message.read(message.bytes)) == message, "a message that is lost in writing")
    } catch {
        guard let id = error.id else { return }
        precondition(reading.value["id"] == id.json, "an answer to somebody else")
    }
}

/// Whatever this parser reads, another one reads as well; it may read more.
private func agree(_ reading: JSONParser.Reading, _ line: [UInt8]) {
    guard reading.isSound else { return }
    let other = try? JSONSerialization.jsonObject(with: Data(line), options: [.fragmentsAllowed])
    precondition(other != nil, "nobody else reads this")
}
