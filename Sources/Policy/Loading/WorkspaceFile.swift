/// The file by which a workspace tightens the policy of every task in it.
package enum WorkspaceFile {
    /// In the root of the workspace.
    package static let name = ".claudine.toml"
}
