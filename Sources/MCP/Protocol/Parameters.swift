/// Reads the parameters of a request; what is wrong with them names the parameter.
extension JSON {
    /// A member that has to be a string.
    func text(_ key: String) throws(ResponseError) -> String {
        guard let value = self[key] else { throw .invalidParams("'\(key)' is missing.") }
        guard let text = value.string else { throw .invalidParams("'\(key)' has to be a string, not \(value.kind).") }
        return text
    }

    /// A member that is an array of strings, empty when it is not there.
    func texts(_ key: String) throws(ResponseError) -> [String] {
        guard let value = self[key] else { return [] }
        guard let elements = value.array else {
            throw .invalidParams("'\(key)' has to be an array, not \(value.kind).")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else { throw .invalidParams("'\(key)' is an array of strings.") }
            texts.append(text)
        }
        return texts
    }

    /// A member that is an object, empty when it is not there.
    func members(_ key: String) throws(ResponseError) -> JSON {
        guard let value = self[key] else { return [:] }
        guard value.object != nil else { throw .invalidParams("'\(key)' has to be an object, not \(value.kind).") }
        return value
    }
}
