@testable import Store

/// Something that happens to the store: as concrete as can be, so that others can be left out before it.
enum ModelAction {
    struct Request {
        var after: [Int] = []
        var afterAny: [Int] = []
        var owner: Int?
        var hasDeadline = false
        /// Claims it in the same commit where it may run.
        var atOnce = false
    }

    struct Attempt: Hashable {
        var task: Int
        var number: Int
    }

    /// What of a claim is not that of any attempt.
    enum Forgery: CaseIterable { case fence, number, nonce }

    /// What is said of an attempt by whoever holds its claim.
    enum News {
        case arm, start, exit, stick
        case stop(ReasonCode)
        case end(Ending)
        case again(counted: Bool, rests: Bool)
    }

    case submit(Int, Request)
    case claim(Int, number: Int, instance: Int)
    case ask(Int, StopOrigin, force: Bool)
    case refuse(Int)
    case remove(Int)
    case overdue(Int)
    case rested(Int)
    case expire
    case die(Int)
    case news(News, Attempt, Forgery?)

    var name: String {
        switch self {
        case .submit: "submit"
        case .claim: "claim"
        case .ask: "ask"
        case .refuse: "refuse"
        case .remove: "remove"
        case .overdue: "overdue"
        case .rested: "rested"
        case .expire: "expire"
        case .die: "die"
        case .news(let news, _, _): "\(news)".prefix { $0.isLetter }.description
        }
    }
}

/// Thinks up what may happen next, mostly what has a meaning and now and then what has none.
struct ModelDice {
    private var random: Seeded
    private var submitted = 0
    private var instances = [0, 1, 2]
    /// Attempts that may be of a task that is no more.
    private var past: [ModelAction.Attempt] = []

    init(seed: UInt64) { random = Seeded(state: seed) }

    private mutating func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &random) }
    private mutating func oneIn(_ sides: Int) -> Bool { roll(sides) == 0 }

    mutating func next(_ now: Specification) -> ModelAction {
        let ids = now.ids
        guard let some = ids.randomElement(using: &random) else { return submission([]) }
        switch roll(100) {
        case 0..<16:
            // What has ended makes room.
            let oldest = ids.first { now.tasks[$0]?.end != nil }
            if ids.count >= 14, let oldest { return .remove(oldest) }
            return submission(ids)
        case 16..<32: return claim(some, now)
        case 32..<38: return ask(some)
        case 38..<42: return .remove(some)
        case 42..<48: return .rested(some)
        case 48..<50: return .overdue(some)
        case 50: return .refuse(some)
        case 51: return .expire
        case 52:
            let place = roll(instances.count)
            defer { instances[place] = (instances.max() ?? 0) + 1 }
            return .die(instances[place])
        default: return news(now) ?? submission(ids)
        }
    }

    private mutating func submission(_ ids: [Int]) -> ModelAction {
        var request = ModelAction.Request()
        if !ids.isEmpty, oneIn(2) {
            for _ in 0...roll(3) {
                let needed = ids[ids.count - 1 - roll(min(ids.count, 6))]
                if oneIn(3) { request.afterAny.append(needed) } else { request.after.append(needed) }
            }
        }
        if oneIn(60) { request.after.append(-1) }
        request.owner = oneIn(3) ? instances.randomElement(using: &random) : nil
        request.hasDeadline = oneIn(5)
        request.atOnce = oneIn(2)
        defer { submitted += 1 }
        return .submit(submitted, request)
    }

    private mutating func claim(_ some: Int, _ now: Specification) -> ModelAction {
        let task = oneIn(4) ? some : now.eligible.randomElement(using: &random) ?? some
        let next = (now.tasks[task]?.attempts.count ?? 0) + 1
        let who = oneIn(3) ? nil : now.tasks[task]?.owner
        return .claim(task, number: oneIn(20) ? next + 1 : next, instance: who ?? instances[roll(instances.count)])
    }

    private mutating func ask(_ task: Int) -> ModelAction {
        let origins: [StopOrigin] = [.user, .client, .shutdown, .handover, .handover, .signal(15)]
        return .ask(task, origins[roll(origins.count)], force: oneIn(3))
    }

    private mutating func news(_ now: Specification) -> ModelAction? {
        let all = now.attempts
        let live = all.filter(now.isLive)
        let some = oneIn(4) ? all : live
        guard let attempt = (oneIn(20) ? past : some).randomElement(using: &random) else { return nil }
        past.append(attempt)
        if past.count > 40 { past.removeFirst(20) }
        let forgery = oneIn(40) ? ModelAction.Forgery.allCases[roll(3)] : nil
        let news: ModelAction.News
        switch roll(47) {
        case 0..<10: news = .arm
        case 10..<20: news = .start
        case 20..<26: news = .exit
        case 26..<28: news = .stick
        case 28..<33: news = .stop(oneIn(2) ? .timeoutWall : .limitOutput)
        case 33..<41: news = .end(oneIn(3) ? Ending(Reason(.exitNonzero)) : .succeeded)
        default: news = .again(counted: oneIn(2), rests: oneIn(3))
        }
        return .news(news, attempt, forgery)
    }
}
