#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/url.h"
#include "cli/tell.h"
#include "controller/bundle_inputs.h"
#include "render/git/gitlib.h"

enum { MAX_FILE_BYTES = 64 << 10, MAX_KNOWN_HOSTS_BYTES = 4 << 20 };

static const int64_t keep_ms = 30LL * 24 * 60 * 60 * 1000;

// The folder for copies, that nobody else may read; NULL where a person has no home. Owned.
static char *cache_dir(void)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    cleanup_free char *base = NULL;
    cleanup_error struct error ignored = {0};
    if (cache != NULL && *cache == '/')
        base = xstrdup(cache);
    else if (home != NULL && *home == '/')
        base = path_join(home, ".cache");
    if (base == NULL || file_make_dirs(base, &ignored) < 0)
        return NULL;
    cleanup_free char *own = path_join(base, "sealift");
    mkdir(own, 0700); // exists already, or what is written there says why it cannot be
    return path_join(own, "inputs");
}

// Lines of git's credential store (git-credential-store(1)).
static int read_logins(const char *file, struct vec *logins, struct error *err)
{
    cleanup_secret char *text = NULL;
    size_t size = 0;
    size_t number = 0;
    if (file_read(file, MAX_FILE_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "--git-credentials");
    for (char *line = text; *line != '\0'; number++) {
        char *next = line + strcspn(line, "\n");
        next += *next == '\n' ? (*next = '\0', 1) : 0;
        cleanup_url struct url url = {0};
        if (*line != '\0' && *line != '#' &&
            (url_parse(line, &url, NULL) < 0 || url.user == NULL || url.password == NULL))
            return error_set(err, ERROR_INVALID,
                             "--git-credentials: %s:%zu: write https://USER:PASSWORD@HOST", file,
                             number + 1);
        if (url.user != NULL)
            *(struct bundle_login *)vec_push(logins) =
                (struct bundle_login){.url = url_without_credentials(line),
                                      .username = STEAL(url.user),
                                      .password = STEAL(url.password)};
        line = next;
    }
    return 0;
}

// The key that --ssh-identity names, and the person's known hosts.
static int read_ssh(const char *file, char **ret_identity, char **ret_known_hosts,
                    struct error *err)
{
    const char *home = getenv("HOME");
    cleanup_free char *hosts = xasprintf("%s/.ssh/known_hosts", home != NULL ? home : "");
    cleanup_secret char *identity = NULL;
    if (file_read(file, MAX_FILE_BYTES, &identity, NULL, err) < 0)
        return error_wrap(err, "--ssh-identity");
    if (file_read(hosts, MAX_KNOWN_HOSTS_BYTES, ret_known_hosts, NULL, err) < 0)
        return error_wrap(err, "--ssh-identity: the hosts' keys");
    *ret_identity = STEAL(identity);
    return 0;
}

static void on_fetching(void *arg, const char *step)
{
    tell_step(arg, "%s", step);
}

static void list_inputs(const struct bundle_inputs *from, json_t *inputs)
{
    vec_foreach (const struct bundle_input, input, bundle_inputs_list(from))
        json_array_append_new(inputs, json_pack("{s:s, s:s, s:s}", "uri", input->uri, "algorithm",
                                                input->algorithm, "digest", input->digest));
}

// Nearly every folder needs nothing from elsewhere, and libgit2 alone takes 10 ms to start. False
// when remote bases are missing; *ret_done and *err are then worth nothing.
static bool render_alone(struct tree *tree, const char *path, const struct render_options *options,
                         struct render_result *ret_result, int *ret_done, struct error *err)
{
    cleanup_remotes struct remotes *none = remotes_new();
    struct render_options noting = *options;
    noting.remotes = none;
    cleanup_render_result struct render_result result = {0};
    cleanup_error struct error failure = {0};
    *ret_done = render_tree(tree, path, &noting, &result, &failure);
    if (!remotes_are_complete(none) && failure.code != ERROR_LIMIT)
        return false;
    if (*ret_done < 0) {
        error_move(err, &failure);
    } else {
        *ret_result = result;
        result = (struct render_result){0};
    }
    return true;
}

static int render_with_inputs(const struct cli *cli, struct tree *tree, const char *path,
                              const struct render_options *options, const struct vec *logins,
                              const char *identity, const char *known_hosts,
                              struct render_result *ret_result, json_t *inputs, struct error *err)
{
    union {
        const struct cli *in;
        void *out;
    } arg = {.in = cli};
    cleanup_free char *dir = cache_dir();
    cleanup_http_client struct http_client *client = http_client_new();
    if (gitlib_setup(err) < 0)
        return -1;
    const struct bundle_inputs_config config = {
        .dir = dir,
        .client = client,
        .deadline_mono_ms = clock_mono_ms(clock_system()) + cli->timeout_ms,
        .keep_ms = keep_ms,
        .logins = logins,
        .ssh_identity = identity,
        .ssh_known_hosts = known_hosts,
        .allow_local = true,
        .offline = cli_flag(cli, "offline"),
        .tell = on_fetching,
        .tell_arg = arg.out,
    };
    struct bundle_inputs *fetched = bundle_inputs_new(&config);
    int done = bundle_inputs_render(fetched, tree, path, options, ret_result, err);
    if (done == 0 && inputs != NULL)
        list_inputs(fetched, inputs);
    bundle_inputs_free(fetched);
    gitlib_teardown();
    return done;
}

int inputs_render(const struct cli *cli, struct tree *tree, const char *path,
                  const struct render_options *options, struct render_result *ret_result,
                  json_t *inputs, struct error *err)
{
    cleanup_vec struct vec logins = BUNDLE_LOGINS;
    cleanup_secret char *identity = NULL;
    cleanup_free char *known_hosts = NULL;
    const char *login_file = cli_string(cli, "git-credentials");
    const char *key_file = cli_string(cli, "ssh-identity");
    int done = -1;
    if ((login_file != NULL && read_logins(login_file, &logins, err) < 0) ||
        (key_file != NULL && read_ssh(key_file, &identity, &known_hosts, err) < 0))
        return -1;
    if (render_alone(tree, path, options, ret_result, &done, err))
        return done;
    return render_with_inputs(cli, tree, path, options, &logins, identity, known_hosts, ret_result,
                              inputs, err);
}
