// Files of the host that are nobody's business in there: opened, never read.
#include "battery.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The same file through another window.
static int through(const char *window) {
    const char *secret = context("secret");
    char path[4096];
    if (secret == NULL) return NOTHING;
    snprintf(path, sizeof path, "%s%s", window, secret);
    return opens(path, O_RDONLY);
}

static int secret_by_own_root(void) { return through("/proc/self/root"); }
static int secret_by_init_root(void) { return own("pid") ? through("/proc/1/root") : UNSAFE; }
static int secret_by_cwd(void) { return through("/proc/self/cwd/../../../../../../../../../.."); }
static int secret_by_dots(void) { return through("/../../../../../../../../../.."); }
static int secret_by_thread(void) { return through("/proc/thread-self/root/.."); }

static int secret_by_link(void) {
    const char *secret = context("secret");
    if (secret == NULL) return NOTHING;
    if (symlink(secret, "battery-link") != 0) return errno;
    int error = opens("battery-link", O_RDONLY);
    unlink("battery-link");
    return error;
}

static int hard_link(void) {
    const char *secret = context("secret");
    if (secret == NULL) return NOTHING;
    int error = as_errno(link(secret, "battery-hard"));
    if (error == 0) unlink("battery-hard");
    return error;
}

// Whether a directory shows anything: an empty one in its place is as good as none.
static int lists(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) return errno;
    int found = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) found |= entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(directory);
    return found ? 0 : ENOENT;
}

static int callers_home(void) {
    const char *home = context("home");
    return home == NULL ? NOTHING : lists(home);
}
static int roots_home(void) { return lists("/root"); }
static int media(void) { return lists("/mnt") == 0 || lists("/media") == 0 || lists("/srv") == 0 ? 0 : ENOENT; }
static int runtime_files(void) { return lists("/run/user") == 0 || lists("/run/lock") == 0 || lists("/run/systemd") == 0 ? 0 : ENOENT; }
static int others_tmp(void) {
    const char *beside = context("beside");
    // The caller's directory is one of those that would be seen.
    return beside == NULL ? NOTHING : lists(beside);
}

// What the caller had open when it started us.
static int inherited_descriptor(void) {
    for (int file = 3; file < 256; file++) {
        char path[32], name[64] = "";
        struct stat facts;
        // The results of this probe go through a pipe of ours, close-on-exec like everything that the battery opens itself.
        if (fstat(file, &facts) != 0 || fcntl(file, F_GETFD) & FD_CLOEXEC) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        if (readlink(path, name, sizeof name - 1) > 0) return 0;
    }
    return EBADF;
}

static int callers_variable(void) { return getenv("BATTERY_SECRET") == NULL ? ENOENT : 0; }
static int preload(void) { return getenv("LD_PRELOAD") != NULL || getenv("LD_LIBRARY_PATH") != NULL || getenv("LD_AUDIT") != NULL ? 0 : ENOENT; }
static int startup_files(void) { return getenv("BASH_ENV") != NULL || getenv("ENV") != NULL || getenv("NODE_OPTIONS") != NULL ? 0 : ENOENT; }
static int path_of_here(void) {
    const char *path = getenv("PATH");
    if (path == NULL) return ENOENT;
    char text[4096];
    snprintf(text, sizeof text, ":%s:", path);
    return strstr(text, ":.:") != NULL || strstr(text, "::") != NULL ? 0 : ENOENT;
}

#define HIDDEN "view"
#define READS(name, control, tries, path) OPENS(name, "C21", control, HIDDEN, tries, path, O_RDONLY)

static const struct probe files_probes[] = {
    READS(secret_file, BARE, "read a file beside the workspace", "@secret"),
    PROBE(secret_by_own_root, "C22", BARE, HIDDEN, "the same through /proc/self/root", .path = "@secret"),
    PROBE(secret_by_init_root, "C22", NOWHERE, HIDDEN, "the same through /proc/1/root", .path = "@secret"),
    PROBE(secret_by_cwd, "C22", BARE, HIDDEN, "the same through /proc/self/cwd and dots", .path = "@secret"),
    PROBE(secret_by_dots, "C22", BARE, HIDDEN, "the same through more dots than there are directories", .path = "@secret"),
    PROBE(secret_by_thread, "C22", BARE, HIDDEN, "the same through /proc/thread-self/root", .path = "@secret"),
    PROBE(secret_by_link, "C24", BARE, HIDDEN, "the same through a link in the workspace", .path = "@secret"),
    PROBE(hard_link, "C25", BARE, HIDDEN, "take a file of the host into the workspace by a hard link", .path = "@secret"),
    PROBE(others_tmp, "C32", BARE, HIDDEN, "see other people's temporary directories", .path = "@beside"),
    PROBE(callers_home, "C21", BARE, HIDDEN, "list the caller's home", .path = "@home"),
    READS(ssh_keys, BARE, "look for the caller's ssh keys", "@home/.ssh"),
    READS(gpg_keys, BARE, "look for the caller's gpg keys", "@home/.gnupg"),
    READS(cloud_keys, BARE, "look for the caller's cloud keys", "@home/.aws/credentials"),
    READS(cluster_keys, BARE, "look for the caller's cluster keys", "@home/.kube/config"),
    READS(container_keys, BARE, "look for the caller's registry passwords", "@home/.docker/config.json"),
    READS(package_keys, BARE, "look for the caller's package tokens", "@home/.npmrc"),
    READS(web_passwords, BARE, "look for the caller's passwords of web sites", "@home/.netrc"),
    READS(git_passwords, BARE, "look for the caller's git passwords", "@home/.git-credentials"),
    READS(agent_login, BARE, "look for the caller's login at the model", "@home/.claude/.credentials.json"),
    READS(shell_history, BARE, "look for what the caller typed", "@home/.bash_history"),
    READS(browser_profile, BARE, "look for the caller's browser profile", "@home/.mozilla"),
    PROBE(roots_home, "C21", ROOT, HIDDEN, "list root's home", .path = "/root"),
    PROBE(media, "C21", NOWHERE, "mountns", "list /mnt, /media and /srv"),
    PROBE(runtime_files, "C21", NOWHERE, "mountns", "list the runtime files of the host's services"),
    READS(password_hashes, ROOT, "read the machine's password hashes", "/etc/shadow"),
    READS(group_hashes, ROOT, "read the machine's group passwords", "/etc/gshadow"),
    READS(sudo_rules, ROOT, "read who may become root", "/etc/sudoers"),
    READS(private_keys, ROOT, "list the machine's private keys", "/etc/ssl/private"),
    OPENS(state_directory, "F67", BARE, HIDDEN, "list Claudine's state directory", "@state", O_RDONLY | O_DIRECTORY),
    OPENS(state_database, "F67", BARE, HIDDEN, "open Claudine's database to write", "@state/claudine.db", O_RDWR),
    PROBE(inherited_descriptor, "E61", NOWHERE, "descriptors", "use a file that the caller had open"),
    PROBE(callers_variable, "F70", BARE, "environment", "read a variable of the caller's"),
    PROBE(preload, "F70", NOWHERE, "environment", "be given a library by the caller's environment"),
    PROBE(startup_files, "F70", NOWHERE, "environment", "be given a start-up file by the caller's environment"),
    PROBE(path_of_here, "F70", NOWHERE, "environment", "find programs in the directory it works in"),
};
TOPIC(files);
