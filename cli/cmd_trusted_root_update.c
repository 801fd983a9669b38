// What a trusted root holds changes when logs and authorities are replaced. This is the one command
// that asks the network for it; verification never does.
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/memory.h"
#include "base/url.h"
#include "cli/commands.h"
#include "cli/tell.h"
#include "oci/sign/public_good_root.h"
#include "oci/sign/trusted_root.h"
#include "oci/sign/tuf_update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ROOT_BYTES = 512 << 10,
    MAX_CA_BYTES = 1 << 20,
    MAX_REDIRECTS = 3,
    MAX_RETRIES = 3,
    FILE_MODE = 0644,
};

static const char public_mirror[] = "https://tuf-repo-cdn.sigstore.dev";
static const char target[] = "trusted_root.json";

// A URL, or a folder with the same files for hosts without a network.
struct mirror {
    const char *place;
    bool is_folder;
    struct http_client *client;
    struct http_tls tls;
    int64_t deadline_mono_ms;
};

static int fetch_file(const struct mirror *mirror, const char *path, size_t max_bytes,
                      char **ret_data, size_t *ret_size, struct error *err)
{
    cleanup_free char *full = path_join(mirror->place, path);
    return file_read(full, max_bytes, ret_data, ret_size, err);
}

static int fetch_url(const struct mirror *mirror, const char *path, size_t max_bytes,
                     char **ret_data, size_t *ret_size, struct error *err)
{
    size_t length = strlen(mirror->place);
    while (length > 0 && mirror->place[length - 1] == '/')
        length--;
    cleanup_free char *url = xasprintf("%.*s/%s", (int)length, mirror->place, path);
    int64_t left_ms = mirror->deadline_mono_ms - clock_mono_ms(clock_system());
    const struct http_request request = {.method = "GET",
                                         .url = url,
                                         .tls = &mirror->tls,
                                         .deadline_ms = left_ms > 0 ? left_ms : 1,
                                         .max_body_bytes = max_bytes > 0 ? max_bytes : 1,
                                         .max_redirects = MAX_REDIRECTS,
                                         .max_retries = MAX_RETRIES};
    cleanup_http_response struct http_response response = {0};
    if (http_do(mirror->client, &request, &response, err) < 0)
        return error_wrap(err, "%s", url);
    // Storage services say 403 of what is not there to those who may not list.
    if (response.status == 403 || response.status == 404)
        return error_set(err, ERROR_NOT_FOUND, "the mirror has no %s", url);
    if (http_status_error(&response, url, err) < 0)
        return -1;
    *ret_size = response.body.len;
    *ret_data = strbuf_steal(&response.body);
    return 0;
}

static int fetch(void *arg, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                 struct error *err)
{
    const struct mirror *mirror = arg;
    return mirror->is_folder ? fetch_file(mirror, path, max_bytes, ret_data, ret_size, err)
                             : fetch_url(mirror, path, max_bytes, ret_data, ret_size, err);
}

// One folder for each mirror; NULL where no home is known. Owned.
static char *default_state(const char *place)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct digest name = digest_of(place, strlen(place));
    if (state != NULL && *state == '/')
        return xasprintf("%s/sealift/tuf/%.16s", state, digest_hex(name.text));
    if (home != NULL && *home == '/')
        return xasprintf("%s/.local/state/sealift/tuf/%.16s", home, digest_hex(name.text));
    return NULL;
}

static int read_files(const struct cli *cli, char **ret_root, size_t *ret_root_size, char **ret_ca,
                      struct error *err)
{
    const char *root = cli_string(cli, "root"), *ca = cli_string(cli, "ca-file");
    if (root == NULL && cli_string(cli, "mirror") != NULL)
        return error_set(err, ERROR_INVALID,
                         "whose repository is that? name its root metadata with --root FILE, got "
                         "over a way that you trust; only Sigstore's public one is built in");
    if (root != NULL && file_read(root, MAX_ROOT_BYTES, ret_root, ret_root_size, err) < 0)
        return error_wrap(err, "--root");
    if (ca != NULL && file_read(ca, MAX_CA_BYTES, ret_ca, NULL, err) < 0)
        return error_wrap(err, "--ca-file");
    return 0;
}

static int update(const struct cli *cli, struct tuf_result *ret_result, struct error *err)
{
    const char *place = cli_string_or(cli, "mirror", public_mirror);
    cleanup_free char *root = NULL;
    cleanup_free char *ca = NULL;
    size_t root_size = 0;
    if (read_files(cli, &root, &root_size, &ca, err) < 0)
        return -1;
    cleanup_http_client struct http_client *client = http_client_new();
    cleanup_free char *state = cli_string(cli, "state-dir") != NULL
                                   ? xstrdup(cli_string(cli, "state-dir"))
                                   : default_state(place);
    struct mirror mirror = {.place = place,
                            .is_folder = strstr(place, "://") == NULL,
                            .client = client,
                            .tls = {.ca_pem = ca},
                            .deadline_mono_ms = clock_mono_ms(clock_system()) + cli->timeout_ms};
    const struct tuf_update wanted = {
        .fetch = fetch,
        .fetch_arg = &mirror,
        .root = root != NULL ? root : public_good_tuf_root,
        .root_size = root != NULL ? root_size : public_good_tuf_root_size,
        .root_name = root != NULL ? cli_string(cli, "root") : "the built-in root",
        .target = target,
        .max_target_bytes = TRUSTED_ROOT_MAX_BYTES,
        .state_dir = state,
        .now_ms = clock_wall_ms(clock_system()),
    };
    tell_step(cli, "asking %s", place);
    if (tuf_update(&wanted, ret_result, err) < 0)
        return error_wrap(err, "trusted root from %s", place);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    const char *output = cli_string(cli, "output");
    cleanup_tuf_result struct tuf_result result = {0};
    cleanup_trusted_root struct trusted_root *parsed = NULL;
    char expires[TIME_TEXT_SIZE];
    if (update(cli, &result, err) < 0 ||
        trusted_root_parse(result.data, result.size, target, &parsed, err) < 0)
        return -1;
    if (output == NULL)
        fwrite(result.data, 1, result.size, stdout);
    else if (file_write_atomic(output, result.data, result.size, FILE_MODE, err) < 0)
        return -1;
    time_format(result.expires_ms, expires);
    tell_done(cli, "%s%strusted root %s, by TUF root %lld; the mirror vouches for it until %s",
              output != NULL ? output : "", output != NULL ? ": " : "", parsed->digest.text,
              (long long)result.root_version, expires);
    return 0;
}

static const struct option_spec options[] = {
    {"output", 'o', OPTION_STRING, "FILE", "where it goes (default: standard output)", NULL},
    {"mirror", 0, OPTION_STRING, "URL|DIR",
     "TUF repository, or a copy of one (default: Sigstore's public one)", NULL},
    {"root", 0, OPTION_STRING, "FILE", "root metadata that is trusted; needed with --mirror", NULL},
    {"state-dir", 0, OPTION_STRING, "DIR",
     "what was seen last, so that nothing older is believed (default: below ~/.local/state)", NULL},
    {"ca-file", 0, OPTION_STRING, "FILE", "certificate authority of the mirror", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_trusted_root_update = {
    .name = "trusted-root update",
    .arguments = "",
    .summary = "Fetch the newest trusted root of keyless signing",
    .help =
        "Follows a TUF repository from a root that is trusted and writes trusted_root.json, for "
        "--trusted-root\n"
        "and for the Secret of a TrustPolicy. Nothing else of sealift asks for it: without this "
        "command\n"
        "verification stays as it is, offline.\n\n"
        "  sealift trusted-root update --output trusted_root.json\n"
        "  sealift trusted-root update --mirror https://tuf.example.com --root root.json -o "
        "trusted_root.json\n",
    .options = options,
    .run = run,
};
