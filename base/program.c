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

enum { DEFAULT_TIMEOUT_MS = 30 * 1000, LOOK_MS = 100, REAP_MS = 2 };

extern char **environ;

static void close_fd(int *fd)
{
    cleanup_close_fd(fd);
    *fd = -1;
}

// In a group of its own, so that what it starts can be ended with it.
static int spawn(const char *const *argv, int in_fd, int out_fd, pid_t *ret_pid, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in_fd, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
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

static int read_output(const struct program *program, int fd, int64_t until, struct strbuf *output,
                       struct error *err)
{
    int wait_ms = 0;
    for (bool open = true; open;) {
        if (check_time(program, until, &wait_ms, err) < 0)
            return -1;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = poll(&wait, 1, wait_ms);
        if (ready < 0 && errno != EINTR)
            return error_errno(err, errno, "wait for program %s", program->argv[0]);
        open = ready <= 0 || read_some(fd, output);
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
    if (program->input_size > 0 &&
        file_write_all(write_end, program->input, program->input_size, "a pipe", err) < 0)
        return -1;
    *ret_read_fd = read_end;
    read_end = -1;
    return 0;
}

int program_run(const struct program *program, struct strbuf *ret_output, int *ret_code,
                struct error *err)
{
    int ends[2];
    cleanup_fd int in_fd = -1;
    pid_t pid = 0;
    if (fill_pipe(program, &in_fd, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int read_end = ends[0];
    cleanup_fd int write_end = ends[1];
    if (spawn(program->argv, in_fd, write_end, &pid, err) < 0)
        return -1;
    close_fd(&write_end);
    close_fd(&in_fd);
    int64_t limit_ms = program->timeout_ms > 0 ? program->timeout_ms : DEFAULT_TIMEOUT_MS;
    int64_t until = clock_mono_ms(clock_system()) + limit_ms;
    if (read_output(program, read_end, until, ret_output, err) == 0 &&
        reap(program, pid, until, ret_code, err) == 0)
        return 0;
    end_group(pid);
    return -1;
}
