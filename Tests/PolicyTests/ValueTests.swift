import Testing

@testable import Policy

@Suite struct ValueTests {
    @Test(
        arguments: [
            ("0K", 0), ("64K", 65_536), ("512M", 536_870_912), ("4G", 4_294_967_296), ("1T", 1_099_511_627_776),
            ("007M", 7_340_032), ("16777215T", 16_777_215 << 40),
        ] as [(String, UInt64)])
    func sizesAreRead(text: String, bytes: UInt64) throws {
        #expect(try ByteSize(parsing: text).bytes == bytes)
    }

    @Test(arguments: [
        ("", ValueError.Problem.empty), ("123", .missingUnit), ("123B", .unknownUnit), ("-1K", .notANumber),
        ("+1K", .notANumber), ("1.5G", .unknownUnit), ("1k", .unknownUnit), ("1KB", .unknownUnit),
        ("1 K", .unknownUnit),
        (" 1K", .notANumber), ("K", .notANumber), ("1K ", .unknownUnit), ("٣K", .notANumber), ("0x10K", .unknownUnit),
        ("16777216T", .overflow), ("18014398509481984K", .overflow), ("99999999999999999999K", .overflow),
        ("unlimited", .notANumber), ("1P", .unknownUnit),
    ])
    func sizesAreRefused(text: String, problem: ValueError.Problem) {
        let error = #expect(throws: ValueError.self) { try ByteSize(parsing: text) }
        #expect(error?.problem == problem)
        #expect(error?.found == text)
        #expect(error?.accepted.contains("512M") == true)
    }

    @Test(
        arguments: [
            ("0s", 0), ("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("1d", 86_400_000),
        ] as [(String, UInt64)])
    func timesAreRead(text: String, milliseconds: UInt64) throws {
        let span = try TimeSpan(parsing: text)
        #expect(span.milliseconds == milliseconds)
        #expect(span.nanoseconds == milliseconds * 1_000_000)
        #expect(span.description == text)
    }

    @Test(arguments: [
        ("", ValueError.Problem.empty), ("30", .missingUnit), ("-1s", .notANumber), ("1h30m", .unknownUnit),
        ("1.5h", .unknownUnit), ("1 s", .unknownUnit), ("1S", .unknownUnit), ("1w", .unknownUnit), ("s", .notANumber),
        ("1us", .unknownUnit), ("18446744073710ms", .overflow), ("213504d", .overflow),
        ("99999999999999999999s", .overflow),
    ])
    func timesAreRefused(text: String, problem: ValueError.Problem) {
        let error = #expect(throws: ValueError.self) { try TimeSpan(parsing: text) }
        #expect(error?.problem == problem)
        #expect(error?.accepted.contains("30s") == true)
    }

    /// What is printed reads back, and nothing wraps around: a larger number is a larger value or an error.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func valuesRoundTripAndGrow(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let number = UInt64.random(in: .min ... .max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
            for unit in ["K", "M", "G", "T"] {
                if let size = try? ByteSize(parsing: "\(number)\(unit)") {
                    #expect(try ByteSize(parsing: size.description) == size)
                    #expect(size.bytes >> 10 >= number)
                    #expect(number == 0 || size.bytes > number)
                }
            }
            for unit in ["ms", "s", "m", "h", "d"] {
                if let span = try? TimeSpan(parsing: "\(number)\(unit)") {
                    #expect(try TimeSpan(parsing: span.description) == span)
                    #expect(span.milliseconds >= number)
                    #expect(span.nanoseconds < .max && span.nanoseconds / 1_000_000 == span.milliseconds)
                }
            }
        }
    }

    @Test func unlimitedIsAWordAndTheLargest() throws {
        #expect(try Bound<ByteSize>(parsing: "unlimited") == .unlimited)
        #expect(try Bound<ByteSize>(parsing: "4G") == .limited(ByteSize(bytes: 4 << 30)))
        #expect(Bound<ByteSize>.limited(ByteSize(bytes: .max)) < .unlimited)
        #expect(!(Bound<ByteSize>.unlimited < .unlimited))
        for text in ["Unlimited", "0", "none", "", "unlimited ", "-1"] {
            let error = #expect(throws: ValueError.self) { try Bound<TimeSpan>(parsing: text) }
            #expect(error?.accepted.contains("unlimited") == true)
        }
    }
}
