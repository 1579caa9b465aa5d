// What Embedded Swift cannot reach by itself, for one of two reasons only: the call is variadic or a macro, or libc has no
// wrapper for it. Everything else is called from Swift directly through the libc headers included here.
#ifndef CCAGE_KERNEL_H
#define CCAGE_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// fcntl(2) as seccomp sees it.
enum { CAGE_CALL_FCNTL = SYS_fcntl };

static inline int cage_errno(void) { return errno; }
int cage_open(const char *path, int flags, unsigned mode);
int cage_open_at(int directory, const char *path, int flags, unsigned mode);
int cage_set_nonblocking(int fd);
int cage_set_close_on_exec(int fd);
// pipe2(2), close-on-exec.
int cage_pipe(int ends[2]);
// F_SETPIPE_SZ where it is allowed; the capacity the pipe has then (fcntl(2)).
int cage_pipe_size(int fd, int bytes);
// SIG_IGN for SIGPIPE and SIGXFSZ: a vanished reader is seen as EPIPE, a limit of the caller's on files as EFBIG.
void cage_ignore_broken_pipes(void);
// CLOCK_BOOTTIME in nanoseconds: counts suspend, never jumps (clock_gettime(2)).
uint64_t cage_boottime(void);
// A CLOCK_BOOTTIME timer; arming at 0 disarms it.
int cage_timer(void);
int cage_timer_arm(int timer, uint64_t boottime);
// PR_SET_CHILD_SUBREAPER (prctl(2)).
int cage_become_subreaper(void);
// PR_SET_DUMPABLE 0 (prctl(2)): other processes of this user can neither trace us nor read our memory and environment.
int cage_become_unreadable(void);
// pidfd_send_signal(2); with `group`, PIDFD_SIGNAL_PROCESS_GROUP (Linux 6.9), and -1 with EINVAL before that.
int cage_pidfd_signal(int pidfd, int signal, bool group);
int cage_pidfd_open(pid_t pid);
// PR_GET_SECCOMP (prctl(2)): 0 where this process has no filter.
int cage_seccomp_mode(void);
// RLIMIT_NPROC 0 for another process of this user (prlimit(2)): it and whatever it starts can start nothing more.
int cage_forbid_forks(pid_t pid);
// A child that is dead and not yet reaped, 0 for none; where `spared` is the first of them it hides the others.
pid_t cage_dead_child(pid_t spared);
// 1 with waitid(2)'s si_code and si_status once the child has ended, which stays unreaped; 0 before, -1 with errno.
int cage_has_ended(pid_t child, int *code, int *status);
// Entries of a directory as getdents64(2) lays them out; `position` walks one buffer, NULL at its end.
ssize_t cage_read_directory(int fd, void *buffer, size_t size);
const char *cage_next_entry(const void *buffer, size_t filled, size_t *position);
// Mounts an overlay in a user namespace of its own: `directory` has lower, upper, work and merged in it. 0, or -1 with errno.
int cage_try_overlay(const char *directory);
// Gives freed heap back to the kernel (malloc_trim(3)).
void cage_trim_memory(void);
// The process's argument strings, which lie in one block: what /proc/PID/cmdline shows.
char *cage_title(size_t *size);
// posix_spawn_file_actions_addclosefrom_np (glibc 2.34).
int cage_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
// posix_spawn_file_actions_addchdir_np (glibc 2.29).
int cage_spawn_in(posix_spawn_file_actions_t *actions, const char *directory);
// Bytes that the tmpfs mounted at a directory holds, 0 where another file system is there, -1 where it cannot be looked at.
int64_t cage_tmpfs_used(int directory, const char *path);
// Takes one call from a filter's listener (seccomp_unotify(2)) and answers it with EPERM. Returns 1 with *call and *process (in
// our PID namespace) set, 0 when the caller is gone meanwhile, -1 when the listener is of no use any more.
int cage_refuse_call(int listener, uint32_t *call, pid_t *process);
// Sends one descriptor with one byte over a unix socket.
int cage_send_descriptor(int socket, int descriptor, char tag);

#endif
