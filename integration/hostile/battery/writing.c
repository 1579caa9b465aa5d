// Places where a write would be somebody else's program, login or history: opened for writing, never written.
#include "battery.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

// Whether a name could be made in a directory: asked, not done.
static int writable(const char *path) { return as_errno(faccessat(AT_FDCWD, path, W_OK, AT_EACCESS)); }

static int etc(void) { return writable("/etc"); }
static int usr(void) { return writable("/usr/bin"); }
static int local_programs(void) { return writable("/usr/local/bin"); }
static int libraries(void) { return writable("/usr/lib"); }
static int jobs(void) { return writable("/etc/cron.d"); }
static int spool(void) { return writable("/var/spool/cron"); }
static int boot(void) { return writable("/boot"); }
static int logs(void) { return writable("/var/log"); }
static int top(void) { return writable("/"); }

static int new_beside(void) {
    const char *beside = context("beside");
    char path[4096];
    if (beside == NULL) return NOTHING;
    snprintf(path, sizeof path, "%s/battery-new", beside);
    int error = opens(path, O_WRONLY | O_CREAT | O_EXCL);
    if (error == 0) unlink(path);
    return error;
}

static int write_by_link(void) {
    const char *secret = context("secret");
    if (secret == NULL) return NOTHING;
    if (symlink(secret, "battery-link") != 0) return errno;
    int error = opens("battery-link", O_WRONLY);
    unlink("battery-link");
    return error;
}

// The times it has already.
static int touch_beside(void) {
    const char *secret = context("secret");
    struct stat facts;
    if (secret == NULL) return NOTHING;
    if (stat(secret, &facts) != 0) return errno;
    struct timespec times[] = {facts.st_atim, facts.st_mtim};
    return as_errno(utimensat(AT_FDCWD, secret, times, 0));
}

static int mode_beside(void) {
    const char *secret = context("secret");
    struct stat facts;
    if (secret == NULL) return NOTHING;
    if (stat(secret, &facts) != 0) return errno;
    return as_errno(chmod(secret, facts.st_mode & 0777));
}

// Moving a directory away and making another in its place leaves nothing to protect.
static int move_git(void) {
    if (access(".git", F_OK) != 0) return NOTHING;
    if (rename(".git", ".git-battery") != 0) return errno;
    rename(".git-battery", ".git");
    return 0;
}

static int replace_hook(void) {
    if (access(".git/hooks", F_OK) != 0) return NOTHING;
    int error = opens(".git/hooks/battery", O_WRONLY | O_CREAT | O_EXCL);
    if (error == 0) unlink(".git/hooks/battery");
    return error;
}

static int setting(const char *path) { return access(path, F_OK) != 0 ? NOTHING : opens(path, O_WRONLY); }
static int git_config(void) { return setting(".git/config"); }
static int agent_settings(void) { return setting(".claude/settings.json"); }
static int tool_servers(void) { return setting(".mcp.json"); }
static int editor_tasks(void) { return setting(".vscode/tasks.json"); }
static int shell_environment(void) { return setting(".envrc"); }

#define READONLY "readonly uid"
#define PROTECTED "protect wsreadonly"
#define WRITES(name, row, control, walls, tries, path) OPENS(name, row, control, walls, tries, path, O_WRONLY)

static const struct probe writing_probes[] = {
    PROBE(etc, "C23", ROOT, READONLY, "write to /etc", .path = "/etc", .flags = O_WRONLY),
    PROBE(usr, "C23", ROOT, READONLY, "write to /usr/bin", .path = "/usr/bin", .flags = O_WRONLY),
    PROBE(local_programs, "C23", ROOT, READONLY, "write to /usr/local/bin", .path = "/usr/local/bin", .flags = O_WRONLY),
    PROBE(libraries, "C23", ROOT, READONLY, "write to /usr/lib", .path = "/usr/lib", .flags = O_WRONLY),
    PROBE(jobs, "A9", ROOT, READONLY, "leave a cron job", .path = "/etc/cron.d", .flags = O_WRONLY),
    PROBE(spool, "A9", ROOT, READONLY, "leave a job of the user's", .path = "/var/spool/cron", .flags = O_WRONLY),
    PROBE(boot, "C23", ROOT, READONLY, "write to /boot", .path = "/boot", .flags = O_WRONLY),
    PROBE(logs, "C23", ROOT, READONLY, "write to /var/log", .path = "/var/log", .flags = O_WRONLY),
    PROBE(top, "C23", ROOT, READONLY, "make something in the root directory", .path = "/", .flags = O_WRONLY),
    WRITES(accounts, "C23", ROOT, READONLY, "write the list of accounts", "/etc/passwd"),
    WRITES(host_resolver, "C23", ROOT, READONLY, "write the name resolver's settings", "/etc/resolv.conf"),
    WRITES(secret_written, "C23", BARE, "view", "write a file beside the workspace", "@secret"),
    PROBE(new_beside, "C23", BARE, "view", "make a file beside the workspace", .path = "@beside", .flags = O_WRONLY),
    PROBE(write_by_link, "C24", BARE, "view", "write a file of the host through a link in the workspace", .path = "@secret", .flags = O_WRONLY),
    PROBE(touch_beside, "C23", BARE, "mounts", "set the times of a file beside the workspace", .path = "@secret", .flags = O_WRONLY),
    PROBE(mode_beside, "C23", BARE, "mounts", "set the mode of a file beside the workspace", .path = "@secret", .flags = O_WRONLY),
    WRITES(shell_start, "C23", BARE, "view", "write the caller's shell start-up file", "@home/.bashrc"),
    WRITES(login_keys, "C23", BARE, "view", "let somebody log in as the caller", "@home/.ssh/authorized_keys"),
    WRITES(callers_git, "C23", BARE, "view", "write the caller's git settings", "@home/.gitconfig"),
    WRITES(callers_agent, "C23", BARE, "view", "write the settings of the caller's agent", "@home/.claude/settings.json"),
    PROBE(replace_hook, "C26", BARE, PROTECTED, "leave a git hook", .path = "@workspace/.git/hooks", .flags = O_WRONLY),
    PROBE(git_config, "C26", BARE, PROTECTED, "write the repository's git settings", .path = "@workspace/.git/config", .flags = O_WRONLY),
    PROBE(move_git, "C26", BARE, PROTECTED, "move the protected directory away", .path = "@workspace/.git/config", .flags = O_WRONLY),
    PROBE(agent_settings, "C26", BARE, PROTECTED, "write the next agent's settings", .path = "@workspace/.claude/settings.json",
          .flags = O_WRONLY),
    PROBE(tool_servers, "C26", BARE, PROTECTED, "write the next agent's tools", .path = "@workspace/.mcp.json", .flags = O_WRONLY),
    PROBE(editor_tasks, "C26", BARE, PROTECTED, "write the editor's tasks", .path = "@workspace/.vscode/tasks.json", .flags = O_WRONLY),
    PROBE(shell_environment, "C26", BARE, PROTECTED, "write what the shell runs on entering", .path = "@workspace/.envrc", .flags = O_WRONLY),
};
TOPIC(writing);
