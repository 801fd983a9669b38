// git-upload-pack at the other end of a child ssh (gitprotocol-pack, "SSH transport"). One child
// serves all commands of a remote; after a failure the next advertisement starts a new one.
//
// The child sees nothing of this process but what is passed: no agent, no configuration of a
// person or the system, a nearly empty environment. The key and known_hosts are files in memory
// (memfd_create) that the child opens through /proc: nothing secret reaches a disk, and nothing is
// left behind by a crash.
#include "render/git/gittransport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/vec.h"
#include "render/git/gittransport_ssh_internal.h"

enum {
    CONNECT_TIMEOUT_S = 10,
    MAX_STDERR_BYTES = 4096,
    READ_BYTES = 64 * 1024,
    CLOSE_GRACE_MS = 200, // for the child's next word after it closed its output
    LAST_WORDS_MS = 2000, // for all of them: a server may talk for ever
};

struct ssh_transport {
    struct gittransport transport; // first
    const struct gitremote_config *config;
    int64_t deadline_at_ms;
    struct ssh_address address;
    int identity_fd;
    int known_hosts_fd;
    int wake_fd; // written to by a cancel from another thread
    pid_t pid;   // 0 = no child
    int in_fd;
    int out_fd;
    int err_fd;
    struct strbuf said; // by the child on its standard error
};

static struct ssh_transport *ssh_of(struct gittransport *transport)
{
    return CONTAINER_OF(transport, struct ssh_transport, transport);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end_child(struct ssh_transport *ssh)
{
    close_fd(&ssh->in_fd);
    close_fd(&ssh->out_fd);
    close_fd(&ssh->err_fd);
    if (ssh->pid > 0) {
        kill(-ssh->pid, SIGKILL);
        while (waitpid(ssh->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    ssh->pid = 0;
}

// A file that only exists in memory and for this process and its user.
static int memory_file(const char *name, const char *text, int *ret_fd, struct error *err)
{
    cleanup_fd int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) < 0)
        return error_errno(err, errno, "make a file in memory");
    size_t length = strlen(text);
    if (file_write_all(fd, text, length, name, err) < 0)
        return -1;
    // Keys that were pasted lose their last newline, and ssh then refuses them.
    if (length > 0 && text[length - 1] != '\n' && file_write_all(fd, "\n", 1, name, err) < 0)
        return -1;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

// One argument for the shell at the other end; owned.
static char *shell_quote(const char *text)
{
    cleanup_strbuf struct strbuf quoted;
    strbuf_init(&quoted, 4 * strlen(text) + 3);
    strbuf_addch(&quoted, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            strbuf_addstr(&quoted, "'\\''");
        else
            strbuf_addch(&quoted, *text);
    }
    strbuf_addch(&quoted, '\'');
    return strbuf_steal(&quoted);
}

__attribute__((format(printf, 2, 3))) static void add_arg(struct vec *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    *(char **)vec_push(args) = xvasprintf(format, list);
    va_end(list);
}

// `ip`: what the host's name was resolved to, where the reach is limited; or NULL.
static void build_args(const struct ssh_transport *ssh, const char *ip, struct vec *args)
{
    static const char *const options[] = {
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "ControlPath=none",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "UpdateHostKeys=no",
        "SendEnv=GIT_PROTOCOL",
    };
    int self = (int)getpid();
    add_arg(args, "ssh");
    add_arg(args, "-F");
    add_arg(args, "/dev/null");
    add_arg(args, "-T");
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++)
        add_arg(args, "-o%s", options[i]);
    add_arg(args, "-oUserKnownHostsFile=/proc/%d/fd/%d", self, ssh->known_hosts_fd);
    add_arg(args, "-oIdentityFile=/proc/%d/fd/%d", self, ssh->identity_fd);
    add_arg(args, "-oConnectTimeout=%d", CONNECT_TIMEOUT_S);
    if (ip != NULL) {
        add_arg(args, "-oHostName=%s", ip);
        if (ssh->address.port == SSH_PORT)
            add_arg(args, "-oHostKeyAlias=%s", ssh->address.host);
        else
            add_arg(args, "-oHostKeyAlias=[%s]:%d", ssh->address.host, ssh->address.port);
    }
    add_arg(args, "-p");
    add_arg(args, "%d", ssh->address.port);
    add_arg(args, "-l");
    add_arg(args, "%s", ssh->address.user);
    add_arg(args, "--");
    add_arg(args, "%s", ssh->address.host);
    cleanup_free char *path = shell_quote(ssh->address.path);
    add_arg(args, "git-upload-pack %s", path);
    vec_push(args); // the NULL that ends argv
}

static void build_environment(struct vec *environment)
{
    const char *path = getenv("PATH");
    add_arg(environment, "PATH=%s", path != NULL ? path : "/usr/bin:/bin");
    add_arg(environment, "LC_ALL=C");
    add_arg(environment, "GIT_PROTOCOL=version=2");
    vec_push(environment);
}

struct pipes {
    int child[3]; // its standard input, output and error
    int ours[3];
};

static void close_pipes(struct pipes *pipes)
{
    for (size_t i = 0; i < 3; i++) {
        close_fd(&pipes->child[i]);
        close_fd(&pipes->ours[i]);
    }
}

static int open_pipes(struct pipes *pipes, struct error *err)
{
    for (size_t i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_errno(err, errno, "make a pipe");
        pipes->child[i] = ends[i == 0 ? 0 : 1];
        pipes->ours[i] = ends[i == 0 ? 1 : 0];
        if (fcntl(pipes->ours[i], F_SETFL, O_NONBLOCK) < 0)
            return error_errno(err, errno, "set up a pipe");
    }
    return 0;
}

static int spawn(struct ssh_transport *ssh, const struct pipes *pipes, struct vec *args,
                 struct vec *environment, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, pipes->child[i], i);
    // A group of its own, so that it can be ended with what it started; signals as a shell has
    // them.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    posix_spawnattr_setsigdefault(&attributes, &set);
    int result =
        posix_spawnp(&ssh->pid, "ssh", &actions, &attributes, args->data, environment->data);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (result == 0)
        return 0;
    ssh->pid = 0;
    return error_set(err, ERROR_INTERNAL,
                     "the program ssh cannot be started (%s): install openssh-client",
                     strerrorname_np(result));
}

static int start_child(struct ssh_transport *ssh, struct error *err)
{
    __attribute__((cleanup(close_pipes))) struct pipes pipes = {{-1, -1, -1}, {-1, -1, -1}};
    cleanup_vec struct vec args = VEC_OF(char *, vec_release_string);
    cleanup_vec struct vec environment = VEC_OF(char *, vec_release_string);
    cleanup_free char *ip = NULL;
    end_child(ssh);
    strbuf_reset(&ssh->said);
    const struct ssh_patience patience = {ssh->deadline_at_ms, ssh->config->cancel};
    if (ssh_address_resolve(&ssh->address, ssh->config->reach, &patience, &ip, err) < 0)
        return -1;
    build_args(ssh, ip, &args);
    build_environment(&environment);
    if (open_pipes(&pipes, err) < 0 || spawn(ssh, &pipes, &args, &environment, err) < 0)
        return -1;
    ssh->in_fd = pipes.ours[0];
    ssh->out_fd = pipes.ours[1];
    ssh->err_fd = pipes.ours[2];
    pipes.ours[0] = pipes.ours[1] = pipes.ours[2] = -1;
    return 0;
}

static void wake(void *arg)
{
    struct ssh_transport *ssh = arg;
    uint64_t one = 1;
    (void)!write(ssh->wake_fd, &one, sizeof one);
}

// What is there now; false at its end.
static bool read_said(struct ssh_transport *ssh)
{
    char buffer[1024];
    ssize_t size = read(ssh->err_fd, buffer, sizeof buffer);
    if (size > 0) {
        size_t room = MAX_STDERR_BYTES - ssh->said.len;
        strbuf_add(&ssh->said, buffer, (size_t)size < room ? (size_t)size : room);
        return true;
    }
    return size < 0 && (errno == EAGAIN || errno == EINTR);
}

// The child closed its output before the answer was complete.
static int child_ended(struct ssh_transport *ssh, struct error *err)
{
    struct pollfd last = {.fd = ssh->err_fd, .events = POLLIN};
    int64_t until_ms = clock_mono_ms(clock_system()) + LAST_WORDS_MS;
    while (last.fd >= 0 && ssh->said.len < MAX_STDERR_BYTES &&
           clock_mono_ms(clock_system()) < until_ms && poll(&last, 1, CLOSE_GRACE_MS) > 0 &&
           read_said(ssh))
        continue;
    return gittransport_ssh_error(ssh->said.data, ssh->address.host, ssh->address.port, err);
}

static int write_request(struct ssh_transport *ssh, const struct strbuf *request, size_t *sent,
                         struct error *err)
{
    ssize_t size = write(ssh->in_fd, request->data + *sent, request->len - *sent);
    if (size >= 0) {
        *sent += (size_t)size;
        return 0;
    }
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno == EPIPE)
        return child_ended(ssh, err);
    return error_errno(err, errno, "write to ssh");
}

// 1 when the answer is complete.
static int read_answer(struct ssh_transport *ssh, const struct gitanswer *answer, char *buffer,
                       struct error *err)
{
    ssize_t size = read(ssh->out_fd, buffer, READ_BYTES);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : error_errno(err, errno, "read from ssh");
    if (size == 0)
        return child_ended(ssh, err);
    if (answer->feed(answer->parser, buffer, (size_t)size, err) < 0)
        return error_wrap(err, "ssh to %s", ssh->address.host);
    return answer->done(answer->parser) ? 1 : 0;
}

static int timed_out(const struct ssh_transport *ssh, struct error *err)
{
    if (ssh->deadline_at_ms <= clock_mono_ms(clock_system()))
        return error_set(err, ERROR_TIMEOUT, "ssh to %s: the time for this fetch is over",
                         ssh->address.host);
    return error_set(err, ERROR_TIMEOUT, "ssh to %s: no byte came for %lld s", ssh->address.host,
                     (long long)(ssh->config->idle_timeout_ms / 1000));
}

static int transfer(struct ssh_transport *ssh, const struct strbuf *request,
                    const struct gitanswer *answer, struct error *err)
{
    cleanup_free char *buffer = xmalloc(READ_BYTES);
    size_t to_send = request != NULL ? request->len : 0;
    size_t sent = 0;
    for (;;) {
        int64_t left_ms = ssh->deadline_at_ms - clock_mono_ms(clock_system());
        int64_t wait_ms =
            left_ms < ssh->config->idle_timeout_ms ? left_ms : ssh->config->idle_timeout_ms;
        struct pollfd fds[] = {
            {.fd = ssh->out_fd, .events = POLLIN},
            {.fd = sent < to_send ? ssh->in_fd : -1, .events = POLLOUT},
            {.fd = ssh->err_fd, .events = POLLIN},
            {.fd = ssh->wake_fd, .events = POLLIN},
        };
        if (cancel_check(ssh->config->cancel, err) < 0)
            return -1;
        int ready = left_ms > 0 ? poll(fds, ARRAY_LENGTH(fds), (int)wait_ms) : 0;
        if (ready < 0 && errno != EINTR)
            return error_errno(err, errno, "wait for ssh");
        if (ready == 0)
            return timed_out(ssh, err);
        if (ready < 0)
            continue;
        if (fds[2].revents != 0 && !read_said(ssh))
            close_fd(&ssh->err_fd);
        if (fds[1].revents != 0 && write_request(ssh, request, &sent, err) < 0)
            return -1;
        int result = fds[0].revents != 0 ? read_answer(ssh, answer, buffer, err) : 0;
        if (result != 0)
            return result < 0 ? -1 : 0;
    }
}

// A child in the middle of an answer is of no use for the next.
static int exchange(struct ssh_transport *ssh, const struct strbuf *request,
                    const struct gitanswer *answer, struct error *err)
{
    cancel_watch(ssh->config->cancel, wake, ssh);
    int result = transfer(ssh, request, answer, err);
    cancel_unwatch(ssh->config->cancel);
    if (result < 0)
        end_child(ssh);
    return result;
}

static int ssh_advertise(struct gittransport *transport, const struct gitanswer *answer,
                         struct error *err)
{
    struct ssh_transport *ssh = ssh_of(transport);
    return start_child(ssh, err) < 0 ? -1 : exchange(ssh, NULL, answer, err);
}

static int ssh_command(struct gittransport *transport, const struct strbuf *request,
                       const struct gitanswer *answer, struct error *err)
{
    struct ssh_transport *ssh = ssh_of(transport);
    if (ssh->pid == 0)
        return error_set(err, ERROR_INTERNAL, "a command before the advertisement");
    return exchange(ssh, request, answer, err);
}

static void ssh_free(struct gittransport *transport)
{
    struct ssh_transport *ssh = ssh_of(transport);
    end_child(ssh);
    close_fd(&ssh->identity_fd);
    close_fd(&ssh->known_hosts_fd);
    close_fd(&ssh->wake_fd);
    strbuf_release(&ssh->said);
    ssh_address_release(&ssh->address);
    free(ssh);
}

static const struct gittransport_ops ssh_ops = {
    .advertise = ssh_advertise,
    .command = ssh_command,
    .free = ssh_free,
};

static int set_up(struct ssh_transport *ssh, struct error *err)
{
    const struct gitremote_config *config = ssh->config;
    if (ssh_address_parse(config->url, config->username, &ssh->address, err) < 0)
        return -1;
    if (config->ssh_identity == NULL || config->ssh_known_hosts == NULL)
        return error_set(err, ERROR_DENIED,
                         "ssh needs a Secret with the keys identity (a private key) and "
                         "known_hosts; name it in secretRef");
    ssh->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ssh->wake_fd < 0)
        return error_errno(err, errno, "make an event descriptor");
    if (memory_file("identity", config->ssh_identity, &ssh->identity_fd, err) < 0)
        return -1;
    return memory_file("known_hosts", config->ssh_known_hosts, &ssh->known_hosts_fd, err);
}

int gittransport_ssh_new(const struct gitremote_config *config, int64_t deadline_at_ms,
                         struct gittransport **ret_transport, struct error *err)
{
    struct ssh_transport *ssh = xcalloc(1, sizeof *ssh);
    ssh->transport.ops = &ssh_ops;
    ssh->config = config;
    ssh->deadline_at_ms = deadline_at_ms;
    ssh->identity_fd = ssh->known_hosts_fd = ssh->wake_fd = -1;
    ssh->in_fd = ssh->out_fd = ssh->err_fd = -1;
    strbuf_init(&ssh->said, MAX_STDERR_BYTES);
    if (set_up(ssh, err) < 0) {
        ssh_free(&ssh->transport);
        return -1;
    }
    *ret_transport = &ssh->transport;
    return 0;
}
