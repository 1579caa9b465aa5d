import Foundation
import OutputLog
import ShepherdProtocol
import Testing

/// Issue 3 of docs/ten-issues.md: output arrives in pieces, and each piece is made text for itself.
struct TenOutputCutInUnicodeTests {
    static let text = "grüße 🐑👨‍👩‍👧 €𝄞 — done\n"

    /// As the predecessor's buffer: every chunk decoded alone, the cap compared with UTF-16 units, and what would exceed it dropped
    /// as a whole, without a word.
    private struct NaiveBuffer {
        var text = ""
        let cap: Int

        mutating func take(_ chunk: ArraySlice<UInt8>) {
            let piece = String(decoding: chunk, as: UTF8.self)
            guard text.utf16.count + piece.utf16.count <= cap else { return }
            text += piece
        }
    }

    @Test func theNaiveBufferBreaksCharactersAtMostCuts() {
        let bytes = Array(Self.text.utf8)
        let broken = (1..<bytes.count).filter { cut in
            var buffer = NaiveBuffer(cap: .max)
            buffer.take(bytes[..<cut])
            buffer.take(bytes[cut...])
            return buffer.text != Self.text
        }
        #expect(broken.count > 10)
    }

    @Test func theNaiveCapCountsSomethingElseAndDropsInSilence() {
        var buffer = NaiveBuffer(cap: 10)
        buffer.take(Array("🐑🐑🐑🐑🐑".utf8)[...])
        // Twenty bytes under a cap of ten.
        #expect(buffer.text.utf8.count == 20)
        buffer.take(Array("the answer".utf8)[...])
        #expect(!buffer.text.contains("answer"))
    }

    @Test func hereNoCutBreaksACharacter() {
        let bytes = Bytes(Self.text.utf8)
        for cut in 0...bytes.count {
            var repair = UTF8Repair()
            let text = repair.decode(Bytes(bytes[..<cut])) + repair.decode(Bytes(bytes[cut...])) + repair.finish()
            #expect(text == Self.text && !repair.isLossy, "cut at \(cut)")
        }
    }

    @Test func hereEveryByteIsKeptOrCountedAsDropped() throws {
        // Far more than is kept, in pieces that cut most characters.
        let bytes = Bytes(String(repeating: Self.text, count: 40).utf8)
        for piece in 1...7 {
            let writer = ReferenceWriter(head: 64, tail: 128)
            for start in stride(from: 0, to: bytes.count, by: piece) {
                writer.write(Bytes(bytes[start..<min(start + piece, bytes.count)]))
            }
            writer.close()
            let output = try writer.open()
            #expect(try output.header().stdoutTotal == UInt64(bytes.count))
            var cursor = StreamCursor(output, .stdout)
            var text = OutputText(isForTerminal: false)
            var (kept, gap, shown) = (Bytes(), UInt64(0), "")
            while let piece = try cursor.next() {
                switch piece {
                case .data(_, let data, _): kept += data
                case .gap(_, let from, let to): gap += to - from
                }
                shown += text.text(piece)
            }
            shown += text.finish()
            #expect(kept == Bytes(bytes.prefix(64) + bytes.suffix(128)) && gap == UInt64(bytes.count - 192))
            // Half a character on either side of the gap is left out, and nothing is made up.
            #expect(!shown.contains("\u{FFFD}"))
            #expect(shown.hasSuffix("— done\n"))
        }
    }
}
