// Credential plugins: a program of the user's choice prints an ExecCredential.
// Format: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_credential_internal.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUTPUT_MAX_BYTES = 1024 * 1024,
    SAID_MAX_BYTES = 600,
    PLUGIN_MS = 60 * 1000,
    PERSON_MS = 5 * 60 * 1000, // somebody logs in
    END_MS = 5 * 1000,         // between its last word and its end
    END_STEP_MS = 5,
    LOOK_MS = 100, // between looks at the cancel of who waits
};

extern char **environ;

void kube_exec_answer_release(struct kube_exec_answer *answer)
{
    secret_free(answer->token);
    free(answer->cert_pem);
    secret_free(answer->key_pem);
    *answer = (struct kube_exec_answer){0};
}

int kube_exec_parse(const struct kube_exec *exec, const char *text, size_t size,
                    struct kube_exec_answer *ret_answer, struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse_object(text, size, "ExecCredential", &value, err) < 0)
        return -1;
    const char *version = jval_string_or(value, "apiVersion", "");
    if (strcmp(jval_string_or(value, "kind", ""), "ExecCredential") != 0 ||
        strcmp(version, exec->api_version) != 0)
        return error_set(err, ERROR_INVALID,
                         "it printed %s %.80s, not an ExecCredential of %s; set apiVersion in the "
                         "kubeconfig's exec to what the plugin speaks",
                         jval_string_or(value, "kind", "no kind"), version, exec->api_version);
    const char *token = jval_string(value, "status.token");
    const char *cert = jval_string(value, "status.clientCertificateData");
    const char *key = jval_string(value, "status.clientKeyData");
    const char *expires = jval_string(value, "status.expirationTimestamp");
    if ((token == NULL || *token == '\0') && (cert == NULL || key == NULL))
        return error_set(err, ERROR_INVALID,
                         "its ExecCredential has neither status.token nor "
                         "status.clientCertificateData with clientKeyData");
    int64_t expires_wall_ms = 0;
    if (expires != NULL && time_parse(expires, &expires_wall_ms, err) < 0)
        return error_wrap(err, "status.expirationTimestamp");
    ret_answer->token = token != NULL && *token != '\0' ? xstrdup(token) : NULL;
    ret_answer->cert_pem = key != NULL ? xstrdup_or_null(cert) : NULL;
    ret_answer->key_pem = cert != NULL ? xstrdup_or_null(key) : NULL;
    ret_answer->expires_wall_ms = expires_wall_ms;
    return 0;
}

static json_t *cluster_info(const struct kube_config *config)
{
    json_t *cluster = json_object();
    jval_set_string(cluster, "server", config->server);
    jval_set_string(cluster, "tls-server-name", config->tls_server_name);
    jval_set_string(cluster, "proxy-url", config->proxy_url);
    if (config->insecure_skip_tls_verify)
        jval_set_bool(cluster, "insecure-skip-tls-verify", true);
    if (config->ca_pem != NULL) {
        cleanup_free char *encoded = base64_encode(config->ca_pem, strlen(config->ca_pem));
        jval_set_string(cluster, "certificate-authority-data", encoded);
    }
    return cluster;
}

static char *exec_info(const struct kube_config *config, bool interactive)
{
    cleanup_json json_t *info = json_object();
    jval_set_string(info, "apiVersion", config->exec->api_version);
    jval_set_string(info, "kind", "ExecCredential");
    jval_set_bool(info, "spec.interactive", interactive);
    if (config->exec->provide_cluster_info)
        jval_set(info, "spec.cluster", cluster_info(config));
    return jval_compact(info);
}

static bool names_variable(const struct vec *environment, const char *entry)
{
    size_t length = strcspn(entry, "=") + 1;
    vec_foreach (char *, known, environment) {
        if (strncmp(*known, entry, length) == 0)
            return true;
    }
    return false;
}

static void build_environment(const struct kube_config *config, bool interactive,
                              struct vec *environment)
{
    cleanup_free char *info = exec_info(config, interactive);
    *(char **)vec_push(environment) = xasprintf("KUBERNETES_EXEC_INFO=%s", info);
    vec_foreach (char *, entry, &config->exec->env)
        vec_push_string(environment, *entry);
    for (char **entry = environ; *entry != NULL; entry++) {
        if (!names_variable(environment, *entry))
            vec_push_string(environment, *entry);
    }
    vec_push(environment); // the NULL that ends it
}

static void close_fd(int *fd)
{
    cleanup_close_fd(fd);
    *fd = -1;
}

struct plugin {
    struct cancel *cancel; // of who waits for it, or NULL
    pid_t pid;
    int out_fd;
    int err_fd; // -1 where a person reads it
    struct strbuf output;
    struct strbuf said;
};

static int spawn(const struct kube_config *config, bool interactive, const int child[2],
                 struct plugin *plugin, struct error *err)
{
    const struct kube_exec *exec = config->exec;
    cleanup_vec struct vec args = VEC_OF(char *, vec_release_string);
    cleanup_vec struct vec environment = VEC_OF(char *, vec_release_string);
    vec_push_string(&args, exec->command);
    vec_foreach (char *, arg, &exec->args)
        vec_push_string(&args, *arg);
    vec_push(&args);
    build_environment(config, interactive, &environment);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (!interactive) {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, child[1], 2);
    }
    posix_spawn_file_actions_adddup2(&actions, child[0], 1);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (!interactive) // else it could not read from the terminal
        flags |= POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setflags(&attributes, flags);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    posix_spawnattr_setsigdefault(&attributes, &set);
    int result = posix_spawnp(&plugin->pid, exec->command, &actions, &attributes, args.data,
                              environment.data);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (result == 0)
        return 0;
    plugin->pid = 0;
    return error_set(err, ERROR_DENIED, "it cannot be started: %s%s%s", strerrordesc_np(result),
                     exec->install_hint != NULL ? "; " : "",
                     exec->install_hint != NULL ? exec->install_hint : "");
}

// False at its end.
static bool read_some(int fd, struct strbuf *into)
{
    char buffer[4096];
    ssize_t size = read(fd, buffer, sizeof buffer);
    if (size > 0) {
        size_t room = into->max - into->len;
        if (strbuf_add(into, buffer, (size_t)size < room ? (size_t)size : room) < 0)
            return false;
        into->overflowed = into->overflowed || (size_t)size > room;
        return true;
    }
    return size < 0 && errno == EINTR;
}

static int read_output(struct plugin *plugin, int64_t limit_ms, struct error *err)
{
    int64_t until = clock_mono_ms(clock_system()) + limit_ms;
    bool out_open = true;
    while (out_open) {
        int64_t left = until - clock_mono_ms(clock_system());
        struct pollfd fds[] = {{.fd = plugin->out_fd, .events = POLLIN},
                               {.fd = plugin->err_fd, .events = POLLIN}};
        if (left <= 0)
            return error_set(err, ERROR_TIMEOUT, "it did not end within %lld s",
                             (long long)(limit_ms / 1000));
        if (cancel_check(plugin->cancel, err) < 0)
            return -1;
        if (poll(fds, 2, (int)(left < LOOK_MS ? left : LOOK_MS)) < 0 && errno != EINTR)
            return error_errno(err, errno, "wait for it");
        if (fds[0].revents != 0)
            out_open = read_some(plugin->out_fd, &plugin->output);
        if (plugin->err_fd >= 0 && fds[1].revents != 0 && !read_some(plugin->err_fd, &plugin->said))
            close_fd(&plugin->err_fd);
    }
    return strbuf_check(&plugin->output, "its output", err);
}

static int reap(struct plugin *plugin)
{
    int status = 0;
    while (waitpid(plugin->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    plugin->pid = 0;
    return status;
}

// What it started goes with it.
static void end(struct plugin *plugin, bool in_group)
{
    kill(in_group ? -plugin->pid : plugin->pid, SIGKILL);
    reap(plugin);
}

// It closed its output; its end is all that is missing.
static int wait_for_end(const struct plugin *plugin, struct error *err)
{
    int64_t until = clock_mono_ms(clock_system()) + END_MS;
    for (;;) {
        siginfo_t info = {0};
        // Left to be reaped: until then nobody else gets its number.
        if (waitid(P_PID, (id_t)plugin->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
            errno != EINTR)
            return error_errno(err, errno, "wait for it");
        if (info.si_pid == plugin->pid)
            return 0;
        if (clock_mono_ms(clock_system()) >= until)
            return error_set(err, ERROR_TIMEOUT,
                             "it closed its output and did not end within %d s after that; run it "
                             "by hand to see what it waits for",
                             END_MS / 1000);
        if (cancel_check(plugin->cancel, err) < 0)
            return -1;
        poll(NULL, 0, END_STEP_MS);
    }
}

static int collect(struct plugin *plugin, bool interactive, struct error *err)
{
    if (read_output(plugin, interactive ? PERSON_MS : PLUGIN_MS, err) < 0 ||
        wait_for_end(plugin, err) < 0) {
        end(plugin, !interactive);
        return -1;
    }
    int status = reap(plugin);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    while (plugin->said.len > 0 && plugin->said.data[plugin->said.len - 1] == '\n')
        strbuf_truncate(&plugin->said, plugin->said.len - 1);
    return error_set(err, ERROR_DENIED, "it failed with %s %d%s%s; run it by hand to see why",
                     WIFEXITED(status) ? "exit code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                     plugin->said.len > 0 ? ": " : "", plugin->said.data);
}

static int run(const struct kube_config *config, bool interactive, struct plugin *plugin,
               struct error *err)
{
    int out[2];
    int said[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int out_child = out[1];
    plugin->out_fd = out[0];
    if (pipe2(said, O_CLOEXEC) < 0)
        return error_errno(err, errno, "make a pipe");
    cleanup_fd int err_child = said[1];
    plugin->err_fd = said[0];
    if (spawn(config, interactive, (int[]){out_child, err_child}, plugin, err) < 0)
        return -1;
    close_fd(&out_child);
    close_fd(&err_child);
    return collect(plugin, interactive, err);
}

int kube_exec_run(const struct kube_config *config, struct cancel *cancel,
                  struct kube_exec_answer *ret_answer, struct error *err)
{
    const struct kube_exec *exec = config->exec;
    bool interactive = isatty(0) && isatty(2);
    if (exec->needs_terminal && !interactive)
        return error_set(err, ERROR_DENIED,
                         "the credential plugin %s wants a terminal (interactiveMode: Always) and "
                         "there is none; use another user",
                         exec->command);
    struct plugin plugin = {.cancel = cancel, .out_fd = -1, .err_fd = -1};
    strbuf_init(&plugin.output, OUTPUT_MAX_BYTES);
    strbuf_init(&plugin.said, SAID_MAX_BYTES);
    int result = run(config, interactive, &plugin, err);
    if (result == 0)
        result = kube_exec_parse(exec, plugin.output.data, plugin.output.len, ret_answer, err);
    if (result < 0)
        error_wrap(err, "the credential plugin %s", exec->command);
    close_fd(&plugin.out_fd);
    close_fd(&plugin.err_fd);
    explicit_bzero(plugin.output.data, plugin.output.len);
    strbuf_release(&plugin.output);
    strbuf_release(&plugin.said);
    return result;
}
