#include "base/program.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_TIMEOUT_MS = 30 * 1000,
    LOOK_MS = 100,
    REAP_MS = 2,
    PIPE_BYTES = 32 * 1024, // what every pipe holds
};

extern char **environ;

// In a group of its own, so that what it starts can be ended with it.
static int spawn(const char *const *argv, int in_fd, int out_fd, int err_fd, pid_t *ret_pid,
                 struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in_fd, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    if (err_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
    else
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    // posix_spawn takes char *const [] for history's sake and changes nothing.
    union {
        const char *const *readable;
        char *const *historic;
    } words = {.readable = argv};
    int result = posix_spawnp(ret_pid, argv[0], &actions, &attributes, words.historic, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (result == 0)
        return 0;
    return error_set(err, result == ENOENT ? ERROR_NOT_FOUND : ERROR_DENIED,
                     "program %s cannot be started: %s", argv[0], strerrordesc_np(result));
}

// False at its end.
static bool read_some(int fd, struct strbuf *into)
{
    char buffer[4096];
    ssize_t size = read(fd, buffer, sizeof buffer);
    bool goes_on = size < 0 && errno == EINTR;
    if (size > 0)
        goes_on = strbuf_add(into, buffer, (size_t)size) == 0;
    explicit_bzero(buffer, sizeof buffer);
    return goes_on;
}

// Reads on beyond what `into` takes, so that the program never waits for its standard error. False
// at its end, or where there is nothing yet.
static bool read_errors(int fd, struct strbuf *into)
{
    char buffer[4096];
    ssize_t size = read(fd, buffer, sizeof buffer);
    for (ssize_t i = 0; i < size && into->len < into->max; i++)
        strbuf_addch(into, buffer[i]);
    explicit_bzero(buffer, sizeof buffer);
    return size > 0 || (size < 0 && errno == EINTR);
}

// What is left until it should have ended, or -1.
static int check_time(const struct program *program, int64_t until, int *ret_wait_ms,
                      struct error *err)
{
    int64_t left = until - clock_mono_ms(clock_system());
    if (left <= 0)
        return error_set(err, ERROR_TIMEOUT, "program %s did not end in time", program->argv[0]);
    *ret_wait_ms = (int)(left < LOOK_MS ? left : LOOK_MS);
    return cancel_check(program->cancel, err);
}

// Until it closes its output. err_fd is -1 where nobody listens to it.
static int read_output(const struct program *program, int fd, int err_fd, int64_t until,
                       struct strbuf *output, struct error *err)
{
    int wait_ms = 0;
    for (bool open = true; open;) {
        if (check_time(program, until, &wait_ms, err) < 0)
            return -1;
        struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
        int ready = poll(waits, ARRAY_LENGTH(waits), wait_ms);
        if (ready < 0 && errno != EINTR)
            return error_errno(err, errno, "wait for program %s", program->argv[0]);
        if (ready > 0 && waits[1].revents != 0 && !read_errors(err_fd, program->errors))
            err_fd = -1;
        open = ready <= 0 || waits[0].revents == 0 || read_some(fd, output);
    }
    return strbuf_check(output, "what the program printed", err);
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_group(pid_t pid)
{
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

// It may go on after it closed its output.
static int reap(const struct program *program, pid_t pid, int64_t until, int *ret_code,
                struct error *err)
{
    int status = 0, wait_ms = 0;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            return error_errno(err, errno, "learn how program %s ended", program->argv[0]);
        if (check_time(program, until, &wait_ms, err) < 0)
            return -1;
        struct timespec delay = {.tv_nsec = REAP_MS * 1000 * 1000};
        nanosleep(&delay, NULL);
    }
    *ret_code = exit_code(status);
    return 0;
}

// A pipe that holds all of the input at once, so that nobody has to feed it: what is short enough
// never blocks, even where the program reads nothing.
static int fill_pipe(const struct program *program, int *ret_read_fd, struct error *err)
{
    int ends[2];
    assert(program->input_size <= PROGRAM_MAX_INPUT);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int read_end = ends[0];
    cleanup_fd int write_end = ends[1];
    if (program->input_size > PIPE_BYTES &&
        fcntl(write_end, F_SETPIPE_SZ, (int)program->input_size) < (int)program->input_size)
        return error_errno(err, errno, "make a pipe of %zu bytes for program %s",
                           program->input_size, program->argv[0]);
    if (program->input_size > 0 &&
        file_write_all(write_end, program->input, program->input_size, "a pipe", err) < 0)
        return -1;
    *ret_read_fd = read_end;
    read_end = -1;
    return 0;
}

// Our ends of a running program's pipes.
struct running {
    pid_t pid;
    int out_fd;
    int err_fd; // -1 = nobody listens
};

static int start(const struct program *program, struct running *ret_running, struct error *err)
{
    int out[2], errors[2] = {-1, -1};
    cleanup_fd int in_fd = -1;
    if (fill_pipe(program, &in_fd, err) < 0)
        return -1;
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int read_end = out[0];
    cleanup_fd int write_end = out[1];
    if (program->errors != NULL && pipe2(errors, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int errors_read_end = errors[0];
    cleanup_fd int errors_write_end = errors[1];
    if (spawn(program->argv, in_fd, write_end, errors_write_end, &ret_running->pid, err) < 0)
        return -1;
    ret_running->out_fd = read_end;
    ret_running->err_fd = errors_read_end;
    read_end = errors_read_end = -1;
    return 0;
}

int program_run(const struct program *program, struct strbuf *ret_output, int *ret_code,
                struct error *err)
{
    struct running running = {0};
    if (start(program, &running, err) < 0)
        return -1;
    cleanup_fd int out_fd = running.out_fd;
    cleanup_fd int err_fd = running.err_fd;
    int64_t limit_ms = program->timeout_ms > 0 ? program->timeout_ms : DEFAULT_TIMEOUT_MS;
    int64_t until = clock_mono_ms(clock_system()) + limit_ms;
    int result = read_output(program, out_fd, err_fd, until, ret_output, err);
    // Whoever closes its output is about to end, or to say why not.
    if (result == 0)
        result = reap(program, running.pid, until, ret_code, err);
    if (result < 0)
        end_group(running.pid);
    // What a child of its own left open gives no more than what is there now.
    if (err_fd >= 0 && fcntl(err_fd, F_SETFL, O_NONBLOCK) == 0)
        while (program->errors->len < program->errors->max && read_errors(err_fd, program->errors))
            continue;
    return result;
}
