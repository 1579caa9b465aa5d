import Testing

@testable import Supervision

/// Where a process is, by what the kernel says in `/proc/self/cgroup` and `/proc/self/mountinfo`.
struct CgroupMembershipTests {
    private let unified = "31 22 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"

    private func membership(_ own: String, _ mounts: String) -> CgroupMembership {
        CgroupMembership(own: own, mounts: mounts)
    }

    @Test func theWayUpEndsAtTheMount() throws {
        let place = try #require(membership("0::/user.slice/user-1000.slice/run.scope\n", unified).unified())
        #expect(place.directory == "/sys/fs/cgroup/user.slice/user-1000.slice/run.scope")
        #expect(
            place.wayUp == [
                "/sys/fs/cgroup/user.slice/user-1000.slice/run.scope", "/sys/fs/cgroup/user.slice/user-1000.slice",
                "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup",
            ])
    }

    @Test func theRootIsTheMountItself() {
        #expect(membership("0::/\n", unified).unified()?.wayUp == ["/sys/fs/cgroup"])
    }

    @Test func aControllerIsInOneHierarchyOnly() {
        let own = "8:pids:/\n4:memory:/job\n2:cpu,cpuacct:/c\n0::/u\n"
        let mounts =
            unified + "35 31 0:32 / /v1/memory rw - cgroup cgroup rw,memory\n"
            + "36 31 0:33 / /v1/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        let found = membership(own, mounts)
        #expect(found.legacy("memory")?.directory == "/v1/memory/job")
        #expect(found.legacy("cpu")?.directory == "/v1/cpu,cpuacct/c")
        #expect(
            found.standing(for: "memory")
                == .at(.init(directory: "/v1/memory/job", top: "/v1/memory", isUnified: false)))
        #expect(
            found.standing(for: "io")
                == .at(.init(directory: "/sys/fs/cgroup/u", top: "/sys/fs/cgroup", isUnified: true)))
        // v1's pids is not mounted; that of v2 does not stand in for it.
        #expect(found.standing(for: "pids") == .hidden)
    }

    @Test func aContainerSeesAPartOfTheHierarchy() {
        let mounts = "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        #expect(membership("4:memory:/docker/ab\n", mounts).legacy("memory")?.directory == "/sys/fs/cgroup/memory")
        #expect(membership("4:memory:/docker/ab/x\n", mounts).legacy("memory")?.directory == "/sys/fs/cgroup/memory/x")
        // Another one whose name begins with ours.
        #expect(membership("4:memory:/docker/abc\n", mounts).standing(for: "memory") == .hidden)
        #expect(membership("4:memory:/\n", mounts).standing(for: "memory") == .hidden)
    }

    @Test func outsideOfTheCgroupNamespaceNothingIsSeen() {
        #expect(membership("0::/../../other\n", unified).standing(for: "memory") == .hidden)
        #expect(membership("0::/..\n", unified).standing(for: "memory") == .hidden)
        // A name may contain dots.
        #expect(membership("0::/..a\n", unified).unified()?.directory == "/sys/fs/cgroup/..a")
    }

    @Test func inNoHierarchyNothingIsBound() {
        #expect(membership("", unified).standing(for: "memory") == .free)
        #expect(membership("1:name=systemd:/\n", unified).standing(for: "memory") == .free)
    }

    @Test func whatIsMountedElsewhereIsFoundThere() {
        let mounts =
            "31 22 0:28 / /my\\040place\\134x rw - cgroup2 cgroup2 rw\n40 22 0:29 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n"
        #expect(membership("0::/a:b\n", mounts).unified()?.directory == "/my place\\x/a:b")
    }

    @Test(arguments: ["", "\n\n", "31 22 0:28 / /x rw", "31 22 0:28 / /x rw - cgroup2", "- - - - - - - - -"])
    func brokenMountsAreNoMounts(_ mounts: String) {
        #expect(membership("0::/\n", mounts).standing(for: "memory") == .hidden)
    }

    @Test(arguments: ["x", "0:", ":", "1:memory"])
    func aBrokenEntryMayBeAnything(_ own: String) {
        #expect(membership(own, unified).standing(for: "memory") == .hidden)
    }
}
