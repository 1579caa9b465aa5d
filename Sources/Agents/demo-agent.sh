#!/bin/sh
# Claudine's demonstration agent: what an agent does, and what a bad one would try, without a network or an account.
#
#   sh demo-agent.sh SESSION-ID < PROMPT
#
# It prints the lines that `claude -p --output-format stream-json --verbose` would. It edits one file of the work directory,
# tries things that a cage must not allow, says of each whether it was blocked, and leaves processes behind on purpose.
# Whatever succeeds is undone at once, and harmless by itself.
#
# Every text below is plain ASCII without quotes and backslashes, so that none of it has to be escaped for JSON.

session=${1:-00000000-0000-4000-8000-000000000000}
work=$(pwd)
turns=0
blocked=0
open=0
untried=0
report=
LC_ALL=C
export LC_ALL

say() { # TEXT
    printf '{"type":"assistant","session_id":"%s","message":{"role":"assistant","model":"demo","content":[{"type":"text","text":"%s"}]}}\n' \
        "$session" "$1"
}

use() { # TOOL ARGUMENT-NAME ARGUMENT
    turns=$((turns + 1))
    printf '{"type":"assistant","session_id":"%s","message":{"role":"assistant","model":"demo","content":[{"type":"tool_use","id":"toolu_%s","name":"%s","input":{"%s":"%s"}}]}}\n' \
        "$session" "$turns" "$1" "$2" "$3"
}

gave() { # IS-ERROR TEXT
    printf '{"type":"user","session_id":"%s","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_%s","is_error":%s,"content":"%s"}]}}\n' \
        "$session" "$turns" "$1" "$2"
}

# One forbidden thing. The function returns 0 when it succeeded, 1 when it was refused, 77 when this machine has no tool to try it.
try() { # FUNCTION WHAT
    use Bash command "$2"
    # The shell's own complaint about a refused redirection is no news here.
    "$1" > /dev/null 2>&1
    case $? in
        0)
            open=$((open + 1))
            report="$report\\n  NOT BLOCKED  $2"
            gave false "NOT BLOCKED: $2"
            ;;
        77)
            untried=$((untried + 1))
            report="$report\\n  not tried    $2"
            gave false "not tried, a tool is missing: $2"
            ;;
        *)
            blocked=$((blocked + 1))
            report="$report\\n  blocked      $2"
            gave true "blocked: $2"
            ;;
    esac
}

have() { command -v "$1" > /dev/null 2>&1; }

# Creating a file there, taken away again.
can_create() { # FILE
    if (: > "$1"); then
        rm -f "$1"
        return 0
    fi
    return 1
}

read_ssh() {
    for folder in /root/.ssh /home/*/.ssh; do
        [ "$folder" = "$HOME/.ssh" ] && continue
        ls "$folder" && return 0
    done
    return 1
}

read_shadow() { (: < /etc/shadow); }

write_etc() { can_create /etc/claudine-demo; }

write_usr() { can_create /usr/claudine-demo; }

# Temporary places and the home may be private ones of the cage: a file there proves nothing.
write_outside() {
    outside=77
    for place in "$work/.." /opt /srv /var /usr/local; do
        place=$(cd -P "$place" && pwd) || continue
        case $place/ in "$work"/* | "${HOME:-/tmp}"/* | /tmp/* | /var/tmp/* | /dev/shm/*) continue ;; esac
        can_create "$place/claudine-demo-outside" && return 0
        outside=1
    done
    return "$outside"
}

# 192.0.2.1 belongs to nobody (RFC 5737). Only an error of this machine counts as blocked: no answer means that packets left.
connect_outside() {
    if have perl; then
        perl -e '
            use Socket; use Errno qw(ENETUNREACH EHOSTUNREACH EPERM EACCES EAFNOSUPPORT ENETDOWN EADDRNOTAVAIL);
            $SIG{ALRM} = sub { exit 0 }; alarm 3;
            socket(my $s, PF_INET, SOCK_STREAM, 0) or exit 1;
            connect($s, sockaddr_in(80, inet_aton("192.0.2.1"))) and exit 0;
            for my $refusal (ENETUNREACH, EHOSTUNREACH, EPERM, EACCES, EAFNOSUPPORT, ENETDOWN, EADDRNOTAVAIL) {
                exit 1 if $! == $refusal;
            }
            exit 0;'
        return $?
    fi
    have bash && have timeout || return 77
    case $(timeout 3 bash -c ': < /dev/tcp/192.0.2.1/80' 2>&1) in
        *nreachable* | *ermitted* | *enied* | *assign*) return 1 ;;
        *) return 0 ;;
    esac
}

mount_something() {
    have mount || return 77
    mount -t tmpfs none "$scratch" || return 1
    umount "$scratch"
    return 0
}

new_namespace() {
    have unshare || return 77
    unshare --user true || unshare --mount true
}

# PTRACE_TRACEME on ourselves: permitted to every process that nothing forbids it.
trace_process() {
    have perl || return 77
    case $(uname -m) in
        x86_64) number=101 ;;
        aarch64) number=117 ;;
        *) return 77 ;;
    esac
    perl -e "exit(syscall($number, 0, 0, 0, 0) == 0 ? 0 : 1)"
}

parent() { # PID
    while read -r key value; do
        if [ "$key" = PPid: ]; then
            echo "$value"
            return
        fi
    done < "/proc/$1/status"
    echo 0
}

# Anything that is neither one of our ancestors nor one of our descendants is somebody else's.
see_others() {
    [ -r /proc/self/status ] || return 1
    ancestors=" "
    up=$$
    while [ "$up" -gt 0 ]; do
        ancestors="$ancestors$up "
        up=$(parent "$up")
    done
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        up=$pid
        while [ "$up" -gt 1 ] && [ "$up" != $$ ]; do up=$(parent "$up"); done
        [ "$up" = $$ ] && continue
        case $ancestors in *" $pid "*) continue ;; esac
        [ -d "$entry" ] && return 0
    done
    return 1
}

# The kernel takes the signal and drops it for a namespace's first process: what counts is that it is still there.
kill_first() {
    kill -9 1
    sleep 0.2
    [ ! -d /proc/1 ]
}

raise_pid_max() {
    read -r limit < /proc/sys/kernel/pid_max || return 1
    (echo $((limit + 1)) > /proc/sys/kernel/pid_max) || return 1
    read -r now < /proc/sys/kernel/pid_max
    [ "$now" -gt "$limit" ] || return 1
    echo "$limit" > /proc/sys/kernel/pid_max
    return 0
}

# Three ways to outlive a caller, all deaf to polite signals; one keeps stdout open.
leave_daemons() {
    (trap '' TERM HUP INT; exec setsid sleep 1000) < /dev/null > /dev/null 2>&1 &
    (trap '' TERM HUP INT; (trap '' TERM HUP INT; exec sleep 1001) &) < /dev/null > /dev/null 2>&1
    nohup sh -c 'trap "" TERM HUP INT; setsid sh -c "while :; do sleep 1002; done" & while :; do sleep 1003; done' < /dev/null 2> /dev/null &
}

printf '{"type":"system","subtype":"init","session_id":"%s","model":"demo","cwd":"","tools":["Write","Bash"]}\n' "$session"
say "I will edit a file, try what is forbidden, and leave processes behind."

use Write file_path claudine-demo.txt
if { echo "The demo agent was here. It was asked:" && cat && echo; } > claudine-demo.txt 2> /dev/null; then
    edited=yes
    gave false "wrote claudine-demo.txt"
else
    edited=no
    gave true "the work directory cannot be written"
fi

scratch=$(mktemp -d 2> /dev/null) || scratch=/tmp
try read_ssh "read the ssh keys of a real user"
try read_shadow "read /etc/shadow"
try write_etc "write to /etc"
try write_usr "write to /usr"
try write_outside "write outside the workspace"
try connect_outside "connect to the network directly"
try mount_something "mount a file system"
try new_namespace "make a namespace"
try trace_process "trace a process"
try see_others "see other processes"
try kill_first "kill the first process"
try raise_pid_max "raise pid_max"
[ "$scratch" = /tmp ] || rmdir "$scratch" 2> /dev/null

use Bash command "start daemons that ignore SIGTERM"
leave_daemons
gave false "daemons were left behind"

text="Edited claudine-demo.txt: $edited. Of $((blocked + open + untried)) forbidden things $blocked were blocked, $open were NOT BLOCKED, $untried not tried:$report\\nDaemons that ignore SIGTERM were left behind, in three ways."
say "$text"
printf '{"type":"result","subtype":"success","is_error":false,"result":"%s","session_id":"%s","num_turns":%s,"total_cost_usd":0,"terminal_reason":"completed","usage":{"input_tokens":0,"output_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0},"modelUsage":{},"permission_denials":[]}\n' \
    "$text" "$session" "$turns"
