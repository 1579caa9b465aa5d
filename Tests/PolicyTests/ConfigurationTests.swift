import Glibc
import Testing

@testable import Policy

@Suite struct ConfigurationTests {
    private func read(_ text: String) throws -> OperatorConfiguration {
        try OperatorConfiguration(text: text, file: "config.toml")
    }

    @Test func anEmptyFileIsEveryDefault() throws {
        let empty = try read("")
        #expect(empty.queue == QueueConfiguration() && empty.serve == ServeConfiguration())
        #expect(empty.queue.maxRunning == min(max(64, 8 * sysconf(Int32(_SC_NPROCESSORS_ONLN))), 256))
        #expect(empty.queue.maxLength == 1_000 && empty.queue.retention == .unlimited)
        #expect(empty.admission.memoryReserve.description == "512M")
        #expect(empty.admission.diskReserve.description == "1G")
        #expect(empty.admission.memoryPressure == 10 && empty.admission.cpuPressure == 90)
        #expect(empty.admission.ioPressure == 20)
        #expect(empty.admission.startRate == 1 && empty.admission.startBurst == 2)
        #expect(empty.serve.idleExit.description == "10m")
        #expect(empty.serve.onStop == .stop && empty.serve.logLevel == .info)
        #expect(ConfigurationKey.all.allSatisfy { empty.line(of: $0.name) == nil })
    }

    /// A line for each key with a value that is not its default.
    private static let everything = """
        [defaults]
        policy = "strict"
        agent = "demo"
        [gateway]
        upstream = "http://localhost:1"
        credential = "env:KEY"
        [queue]
        max_running = 7
        max_length = 12
        retention = "30d"
        [admission]
        memory_reserve = "1M"
        disk_reserve = "2G"
        memory_pressure = 1
        cpu_pressure = "unlimited"
        io_pressure = 100
        start_rate = "unlimited"
        start_burst = 256
        [serve]
        idle_exit = "1s"
        on_stop = "requeue"
        log_level = "trace"
        """

    @Test func everyKeyIsRead() throws {
        let all = try read(Self.everything)
        #expect(all.queue.maxRunning == 7 && all.queue.maxLength == 12)
        #expect(all.queue.retention == .limited(TimeSpan(milliseconds: 30 * 86_400_000)))
        #expect(all.admission.memoryReserve.bytes == 1 << 20 && all.admission.diskReserve.bytes == 2 << 30)
        #expect(all.admission.memoryPressure == 1 && all.admission.cpuPressure == nil)
        #expect(all.admission.ioPressure == 100)
        #expect(all.admission.startRate == nil && all.admission.startBurst == 256)
        #expect(all.serve.idleExit.milliseconds == 1_000)
        #expect(all.serve.onStop == .requeue && all.serve.logLevel == .trace)
        let lines = Self.everything.split(separator: "\n")
        for key in ConfigurationKey.all {
            let line = try #require(all.line(of: key.name), "\(key.name)")
            #expect(lines[line - 1] == "\(key.key) = \(key.value(all).toml)")
            #expect(key.value(all) != key.value(.none), "\(key.name)")
        }
    }

    /// What is shown is what can be written.
    @Test func shownValuesCanBeReadBack() throws {
        for configuration in [OperatorConfiguration.none, try read(Self.everything)] {
            let text = ConfigurationKey.all.filter { $0.value(configuration) != .none }
                .map { "\($0.name) = \($0.value(configuration).toml)\n" }.joined()
            let again = try read(text)
            for key in ConfigurationKey.all { #expect(key.value(again) == key.value(configuration), "\(key.name)") }
        }
    }

    /// Values that no key whatever takes: for each kind of key, every kind of value that it is not, and what lies beyond its bounds.
    private static let integers: [String: ClosedRange<Int>] = [
        "queue.max_running": 1...256, "queue.max_length": 1...100_000, "admission.memory_pressure": 1...100,
        "admission.cpu_pressure": 1...100, "admission.io_pressure": 1...100, "admission.start_rate": 1...1_000,
        "admission.start_burst": 1...256,
    ]

    @Test func boundsHold() throws {
        for (name, range) in Self.integers {
            for inside in [range.lowerBound, range.upperBound] { _ = try read("\(name) = \(inside)") }
            for outside in [range.lowerBound - 1, range.upperBound + 1, -1, .min, .max] {
                let error = refusal { try read("\n\(name) = \(outside)") }
                #expect(error?.detail["key"] == name && error?.detail["line"] == "2", "\(name) = \(outside)")
                #expect(error?.detail["bound"] == "\(range.lowerBound) to \(range.upperBound)")
                #expect(error?.detail["found"] == String(outside))
            }
        }
        for (name, inside, outside) in [
            ("queue.retention", ["1m", "60s", "unlimited"], ["59s", "0s", "59999ms"]),
            ("admission.memory_reserve", ["1M", "1T", "1024K"], ["1023K", "0K", "2T", "1025G", "unlimited"]),
            ("admission.disk_reserve", ["1M", "1T"], ["1K", "2T"]),
            ("serve.idle_exit", ["1s", "1000ms", "365d"], ["999ms", "0s", "366d", "unlimited"]),
        ] {
            for value in inside { _ = try read("\(name) = \"\(value)\"") }
            for value in outside {
                let error = refusal { try read("\(name) = \"\(value)\"") }
                #expect(error?.detail["key"] == name && error?.detail["found"] == value, "\(name) = \(value)")
            }
        }
    }

    @Test(arguments: ConfigurationKey.all.map(\.name))
    func noKeyTakesAnotherKindOfValue(name: String) throws {
        let isInteger = Self.integers[name] != nil
        let garbage = [
            "true", "1.5", "[]", "[1]", "{}", "{ a = 1 }", "\"\"",
            isInteger ? "\"3\"" : "3", isInteger ? "\"Unlimited\"" : "0", "1e400", "99999999999999999999", "nan",
            "unlimited", "''''", "1979-05-27", "",
        ]
        for value in garbage {
            let error = refusal { try read("# first\n\(name) = \(value)\n") }
            #expect(error?.code == .config, "\(name) = \(value)")
            #expect(error?.detail["key"]?.hasPrefix(name) == true, "\(name) = \(value): \(String(describing: error))")
            #expect(error?.detail["line"] == "2", "\(name) = \(value)")
            #expect(error?.message.hasPrefix("config.toml:2: \(name)") == true, "\(error?.message ?? "")")
        }
        let twice = refusal { try read("\(name) = 1\n\(name) = 1\n") }
        #expect(twice?.detail["line"] == "2" && twice?.detail["key"] == name)
    }

    @Test(arguments: [
        ("queue = 3", "queue", "1"), ("[queue]\nmax_run = 3", "queue.max_run", "2"), ("[[serve]]", "serve", "1"),
        ("[serves]", "serves", "1"), ("[serve]\n[serve]", "serve", "2"), ("[serve.on_stop]", "serve.on_stop", "1"),
        ("x = 1", "x", "1"), ("[admission]\nmemory_reserve.a = 1", "admission.memory_reserve", "2"),
        ("[queue]\nmax_running = 0\nmax_runing = 1", "queue.max_runing", "3"),
        ("serve.on_stop = \"Drain\"", "serve.on_stop", "1"), ("serve.log_level = \"warn\"", "serve.log_level", "1"),
    ])
    func aMistakeIsNamedWithItsPlace(text: String, key: String, line: String) {
        let error = refusal { try read(text) }
        #expect(error?.code == .config && error?.exitCode == 78)
        #expect(error?.detail["key"] == key && error?.detail["line"] == line, "\(String(describing: error))")
        #expect(error?.detail["file"] == "config.toml")
    }

    @Test func aLaterLookCanRefuseToo() throws {
        let some = try read("[gateway]\n\nupstream = \"ftp://x\"\n")
        let error = some.refusal(of: "gateway.upstream", "no", bound: "http", found: "other")
        #expect(error.detail["line"] == "3" && error.message == "config.toml:3: gateway.upstream: no")
        let none = OperatorConfiguration.none.refusal(of: "gateway.credential", "no", bound: "", found: "")
        #expect(none.code == .config && none.message == "gateway.credential: no")
    }
}
