/// The lists behind the profiles.
enum SyscallSets {
    /// Seen in traces of Claude Code, Node, Bun, git, bash, python, compilers and procps.
    private static let traced = """
        accept4 access alarm arch_prctl bind brk capget chdir chmod clock_getres clock_nanosleep clone close \
        close_range connect copy_file_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait \
        eventfd2 execve exit exit_group faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fcntl fdatasync \
        fgetxattr flistxattr flock fsetxattr fstat fstatfs fsync ftruncate futex get_mempolicy getcwd getdents64 \
        getegid geteuid getgid getgroups getpeername getpgrp getpid getppid getpriority getrandom getrusage \
        getsockname getsockopt gettid getuid inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl kill \
        link listen listxattr lseek madvise memfd_create mkdir mknodat mmap mprotect mremap munmap newfstatat open \
        openat personality pidfd_open pipe2 pkey_alloc poll prctl pread64 prlimit64 pselect6 pwrite64 pwritev2 read \
        readlink recvfrom recvmsg rename renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigprocmask \
        rt_sigreturn rt_sigsuspend sched_getaffinity sched_yield sendfile sendto set_mempolicy set_robust_list \
        set_tid_address setpgid setpriority setresgid setresuid setsid setsockopt shutdown sigaltstack signalfd4 \
        socket socketpair stat statfs statx symlink symlinkat sysinfo timer_create timer_settime timerfd_create \
        timerfd_settime umask uname unlink unlinkat utimensat vfork wait4 write writev
        """

    /// Old variants, siblings, IPC, asynchronous I/O, timers, self-sandboxing and newer calls, so that programs not traced work.
    private static let related = """
        accept cachestat capset chown clock_gettime creat epoll_create epoll_ctl_old eventfd execveat faccessat \
        fchmodat2 fchownat fork fremovexattr futex_requeue futex_wait futex_waitv futex_wake futimesat getdents \
        get_robust_list get_thread_area getcpu getitimer getpgid getpmsg getresgid getresuid getrlimit getsid \
        gettimeofday getxattr io_cancel io_destroy io_getevents io_setup io_submit ioprio_get ioprio_set \
        landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr linkat llistxattr \
        lremovexattr lsetxattr lstat map_shadow_stack membarrier mincore mkdirat mknod mlock mlock2 mlockall \
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mseal msgctl msgget msgrcv msgsnd \
        msync munlock munlockall name_to_handle_at nanosleep pause pidfd_send_signal pipe pkey_free \
        pkey_mprotect ppoll preadv preadv2 process_mrelease pwritev readahead readlinkat readv recvmmsg \
        remap_file_pages removexattr renameat rt_sigpending rt_sigqueueinfo rt_sigtimedwait rt_tgsigqueueinfo \
        sched_get_priority_max sched_get_priority_min sched_getattr sched_getparam sched_getscheduler \
        sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler seccomp select semctl \
        semget semop semtimedop sendmmsg sendmsg setfsgid setfsuid setgid setgroups setitimer setregid setreuid \
        setrlimit setuid setxattr shmat shmctl shmdt shmget signalfd splice sync sync_file_range syncfs tee tgkill \
        time timer_delete timer_getoverrun timer_gettime timerfd_gettime times tkill truncate utime utimes waitid
        """

    /// Answered with EPERM rather than ENOSYS, so that a program can tell refusal from absence.
    private static let refused = """
        _sysctl acct add_key adjtimex afs_syscall bpf chroot clock_adjtime clock_settime create_module delete_module \
        fanotify_init fanotify_mark finit_module fsconfig fsmount fsopen fspick get_kernel_syms init_module \
        io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl \
        listmount lookup_dcookie lsm_set_self_attr mbind memfd_secret migrate_pages modify_ldt mount mount_setattr \
        move_mount move_pages nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root \
        process_madvise process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot \
        request_key security set_mempolicy_home_node setdomainname sethostname setns settimeofday statmount stime \
        swapoff swapon syslog umount umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old vmsplice vserver
        """

    /// What bubblewrap and browsers need to build a sandbox of their own.
    private static let nesting = """
        chroot clone3 fsconfig fsmount fsopen mount mount_setattr move_mount open_tree pivot_root sethostname setns \
        umount umount2 unshare
        """

    /// Between the loading of the filter and the first instruction of the program.
    static let starting: Set<String> = [
        "sendmsg", "read", "open", "openat", "fstat", "newfstatat", "close", "pread64", "execve", "execveat",
        "exit_group",
    ]

    /// Their flags and modes are in memory, where no filter can look; the C library falls back to clone and openat.
    static let opaque = ["clone3", "openat2"]

    static let agent = names(traced) + names(related)
    static let dangerous = names(refused)
    static let nested = names(nesting)

    private static func names(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
