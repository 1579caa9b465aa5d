// The fuzzer's entry for both directions of docs/protocol.md. Compiled in one module with Sources/ShepherdProtocol (integration/fuzz.py).
//
// The first byte chooses: a stream of frames, one command, or one report. Any crash, trap or memory error is a finding, and so is
// a value whose encoding is not the bytes that it was decoded from: every value has exactly one encoding.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let bytes = Bytes(UnsafeBufferPointer(start: data, count: count))
    guard let choice = bytes.first else { return 0 }
    let rest = Bytes(bytes.dropFirst())
    switch choice % 3 {
    case 0: stream(rest)
    case 1: command(rest)
    default: report(rest)
    }
    return 0
}

private func command(_ bytes: Bytes) {
    guard let type = bytes.first else { return }
    let payload = Bytes(bytes.dropFirst())
    guard let value = try? Command(type: type, payload: payload) else { return }
    precondition(value.payload == payload && value.type == type, "a command with two encodings")
}

private func report(_ bytes: Bytes) {
    guard let type = bytes.first else { return }
    let payload = Bytes(bytes.dropFirst())
    guard let value = try? Report(type: type, payload: payload) else { return }
    precondition(value.payload == payload && value.type == type, "a report with two encodings")
}

/// However a stream is split, the same messages and the same error come of it.
private func stream(_ bytes: Bytes) {
    let whole = decoded(bytes, step: max(1, bytes.count))
    precondition(decoded(bytes, step: 1) == whole && decoded(bytes, step: 7) == whole, "splitting changes the meaning")
    for frame in whole.frames {
        _ = try? Command(type: frame.type, payload: frame.payload)
        _ = try? Report(type: frame.type, payload: frame.payload)
    }
}

private struct Outcome: Equatable {
    var frames: [Frame] = []
    var error: FrameError?
}

private func decoded(_ bytes: Bytes, step: Int) -> Outcome {
    var decoder = FrameDecoder()
    var outcome = Outcome()
    var position = 0
    do throws(FrameError) {
        while position < bytes.count {
            let end = min(position + step, bytes.count)
            decoder.append(Bytes(bytes[position..<end]))
            position = end
            while let frame = try decoder.next() { outcome.frames.append(frame) }
        }
        try decoder.finish()
    } catch {
        outcome.error = error
    }
    return outcome
}
