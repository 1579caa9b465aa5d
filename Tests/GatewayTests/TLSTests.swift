import Foundation
import Gateway
import Testing

/// A TLS server in Python with a certificate made on the spot; both tools are on every build machine.
@Suite(
    .timeLimit(.minutes(1)),
    .enabled(if: ["/usr/bin/openssl", "/usr/bin/python3"].allSatisfy(FileManager.default.isExecutableFile)))
struct TLSTests {
    let folder = FileManager.default.temporaryDirectory.path + "/gw-tls-\(UUID().uuidString)"

    private func certificate(for name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=test", "-addext", "subjectAltName=\(name)", "-keyout", folder + "/key.pem",
            "-out", folder + "/cert.pem",
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        try #require(openssl.terminationStatus == 0)
        return folder + "/cert.pem"
    }

    private func server() throws -> (process: Process, port: Int, input: Pipe) {
        let script = """
            import http.server, ssl, sys, threading
            class H(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def log_message(self, *a): pass
                def do_POST(self):
                    self.rfile.read(int(self.headers["content-length"]))
                    data = self.headers["x-api-key"].encode()[::-1]
                    self.send_response(200); self.send_header("content-length", str(len(data))); self.end_headers()
                    self.wfile.write(data)
            s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain("\(folder)/cert.pem", "\(folder)/key.pem")
            s.socket = c.wrap_socket(s.socket, server_side=True)
            threading.Thread(target=s.serve_forever, daemon=True).start()
            print(s.server_address[1], flush=True); sys.stdin.read()
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script]
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return (process, try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines))), input)
    }

    /// - Returns: What a call by way of `host` is answered.
    private func call(_ host: String, certifiedFor name: String, trusted: Bool) async throws -> Message {
        let certificate = try certificate(for: name)
        let (process, port, input) = try server()
        let cage = try await Cage(
            upstream: "https://\(host):\(port)", trustRootsFile: trusted ? certificate : nil)
        let wire = try cage.connect()
        let reader = MessageReader(wire)
        try wire.send(messagesRequest())
        let answer = try #require(try reader.next())
        if answer.status == 200 {
            try wire.send(messagesRequest())
            #expect(try reader.next()?.status == 200)
        }
        await cage.stop()
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        try FileManager.default.removeItem(atPath: folder)
        return answer
    }

    @Test(arguments: [("localhost", "DNS:localhost"), ("127.0.0.1", "IP:127.0.0.1")])
    func callsATrustedUpstream(host: String, name: String) async throws {
        let answer = try await call(host, certifiedFor: name, trusted: true)
        #expect(answer.status == 200)
        #expect(answer.text == String(secretKey.reversed()))
    }

    @Test(arguments: [
        ("localhost", "DNS:localhost", false, "is not from an authority that is trusted here"),
        ("localhost", "DNS:other.test", true, "is for another host"),
        ("127.0.0.1", "DNS:localhost", true, "is for another host"),
    ])
    func sendsNothingToAnUpstreamThatItCannotTrust(
        host: String, name: String, trusted: Bool, problem: String
    ) async throws {
        let answer = try await call(host, certifiedFor: name, trusted: trusted)
        #expect(answer.status == 502)
        #expect(answer.text.contains("cannot be reached: its certificate \(problem)"))
    }

    @Test func aMissingCertificateFileIsSaidAtTheStart() async throws {
        let path = "/nonexistent.pem"
        await #expect(throws: GatewayError.trustRoots(path: path, problem: "No such file or directory")) {
            try await Cage(upstream: "https://localhost:1", trustRootsFile: path)
        }
    }
}
