// swift-tools-version: 6.2
import PackageDescription

/// Every ordinary target: strict concurrency, explicit existentials and imports, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// The shepherd is Embedded Swift: no runtime, no Foundation, about 0.7 MB resident.
/// `CLAUDINE_SHEPHERD=standard` builds the same sources with the ordinary standard library; CI keeps both alive.
let embeddedShepherd = Context.environment["CLAUDINE_SHEPHERD"] != "standard"
let shepherd: [SwiftSetting] =
    embeddedShepherd
    ? [
        .swiftLanguageMode(.v6), .treatAllWarnings(as: .error),
        .enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo", "-Osize"]),
    ]
    : strict

let cFlags: [CSetting] = [.unsafeFlags(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2"])]

let package = Package(
    name: "claudine",
    products: [
        .executable(name: "claudine", targets: ["claudine"]),
        .executable(name: "claudine-shepherd", targets: ["claudine-shepherd"]),
        .executable(name: "claudine-battery", targets: ["claudine-battery"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Its server alone, without the router and what reads configurations.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    // Bottom-up: a target may import only what stands above it.
    targets: [
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .target(name: "CCage", cSettings: cFlags),
        .target(name: "Polling", swiftSettings: strict),
        .target(name: "ShepherdProtocol", swiftSettings: strict),
        .target(name: "ShepherdProtocolEmbedded", swiftSettings: shepherd),
        .executableTarget(
            name: "claudine-shepherd",
            dependencies: ["CCage", "ShepherdProtocolEmbedded"],
            swiftSettings: shepherd,
            linkerSettings: [.unsafeFlags(["-static-executable"])]
        ),
        // Not part of the product's own code: the attacks that `claudine policy test` and `make hostile` try. Static, so that it runs in
        // any cage.
        .executableTarget(
            name: "claudine-battery", path: "integration/hostile/battery",
            cSettings: cFlags + [.define("_GNU_SOURCE")],
            linkerSettings: [.unsafeFlags(["-static-executable", "-enable-experimental-feature", "Embedded"])]
        ),
        // Not part of the product either: what the protocol's tests and its official conformance suite talk to.
        .executableTarget(
            name: "mcp-fixture", dependencies: ["MCP", "MCPHTTP"], path: "integration/mcp/fixture",
            swiftSettings: strict),
        .target(name: "Toml", swiftSettings: strict),
        .target(name: "Digests", swiftSettings: strict),
        .target(
            name: "Policy",
            dependencies: ["CSeccomp", "CCap", "Digests", "ShepherdProtocol", "Toml"],
            resources: [
                .embedInCode("BuiltIn/strict.toml"), .embedInCode("BuiltIn/standard.toml"),
                .embedInCode("BuiltIn/permissive.toml"), .embedInCode("BuiltIn/paranoid.toml"),
                .embedInCode("BuiltIn/readonly.toml"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Store", dependencies: ["Polling", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(name: "OutputLog", dependencies: ["Polling", "ShepherdProtocol"], swiftSettings: strict),
        .target(
            name: "Agents", dependencies: ["Toml"], resources: [.embedInCode("demo-agent.sh")],
            swiftSettings: strict),
        .target(
            name: "Gateway",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .target(
            name: "Supervision",
            dependencies: [
                "CCage", "Polling", "ShepherdProtocol", "Policy", "Store", "OutputLog", "Agents", "Gateway",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "MCP", dependencies: [.product(name: "OrderedCollections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "MCPClients",
            dependencies: ["MCP", "Toml", .product(name: "OrderedCollections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "MCPHTTP",
            dependencies: [
                "Digests", "MCP", .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "claudine",
            dependencies: [
                "MCP", "MCPClients", "MCPHTTP", "Supervision", "ShepherdProtocol", "Policy", "Store", "OutputLog",
                "Agents", "Gateway",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .testTarget(name: "ShepherdProtocolTests", dependencies: ["ShepherdProtocol"], swiftSettings: strict),
        .testTarget(name: "TomlTests", dependencies: ["Toml"], swiftSettings: strict),
        .testTarget(
            name: "PolicyTests", dependencies: ["Policy", "Digests", "ShepherdProtocol", "CSeccomp"],
            swiftSettings: strict),
        .testTarget(name: "StoreTests", dependencies: ["Store"], swiftSettings: strict),
        .testTarget(name: "OutputLogTests", dependencies: ["OutputLog"], swiftSettings: strict),
        .testTarget(name: "AgentsTests", dependencies: ["Agents"], swiftSettings: strict),
        .testTarget(name: "GatewayTests", dependencies: ["Gateway"], swiftSettings: strict),
        .testTarget(name: "MCPTests", dependencies: ["MCP"], swiftSettings: strict),
        .testTarget(
            name: "MCPClientsTests",
            dependencies: [
                "MCP", "MCPClients", "Toml", .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MCPHTTPTests",
            dependencies: ["MCP", "MCPHTTP", .product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: strict),
        .testTarget(
            name: "SupervisionTests",
            dependencies: [
                "Supervision", "Store", "Policy", "ShepherdProtocol", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
    ]
)
