#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/tell.h"
#include "controller/bundle_inputs.h"
#include "render/git/gitlib.h"

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

int inputs_render(const struct cli *cli, struct tree *tree, const char *path,
                  const struct render_options *options, struct render_result *ret_result,
                  json_t *inputs, struct error *err)
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
