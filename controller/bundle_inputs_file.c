// Remote files: a GET each, several at once.
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "controller/bundle_inputs_internal.h"
#include "render/git/gitremote.h"

enum {
    MAX_FILE_BYTES = 16 << 20,
    MAX_FILES_BYTES = 64 << 20, // of one build
    MAX_REDIRECTS = 10,
    MAX_RETRIES = 2, // the caller's queue has the patient ones
    BATCH = 8,
};

static int take_file(struct bundle_inputs *inputs, struct remote *remote, char *data, size_t size,
                     struct error *err)
{
    cleanup_free char *owned = data;
    inputs->file_bytes += size;
    if (inputs->file_bytes > MAX_FILES_BYTES)
        return error_set(err, ERROR_LIMIT, "%s: remote files have more than %d MiB", remote->name,
                         MAX_FILES_BYTES >> 20);
    struct digest digest = digest_of(owned, size);
    *(struct bundle_input *)vec_push(&inputs->list) = (struct bundle_input){
        .uri = xstrdup(remote->name),
        .algorithm = "sha256",
        .digest = xstrdup(digest_hex(digest.text)),
    };
    remote->data = STEAL(owned);
    remote->size = size;
    remote->state = REMOTE_BROUGHT;
    return 0;
}

static char *authorization_of(const struct input_login *login)
{
    if (login->bearer_token != NULL)
        return xasprintf("Bearer %s", login->bearer_token);
    if (login->password == NULL)
        return NULL;
    cleanup_secret char *pair =
        xasprintf("%s:%s", login->username != NULL ? login->username : "", login->password);
    cleanup_secret char *encoded = base64_encode(pair, strlen(pair));
    return xasprintf("Basic %s", encoded);
}

static int recall_file(struct bundle_inputs *inputs, struct remote *remote, const char *path,
                       struct error *err)
{
    char *data = NULL;
    size_t size = 0;
    if (path != NULL && file_read(path, MAX_FILE_BYTES, &data, &size, NULL) == 0)
        return take_file(inputs, remote, data, size, err);
    if (!remote->may_be_absent)
        return input_refuse_offline(remote, err);
    remote->absence = xasprintf("%s is not in the cache, and --offline fetches nothing; run it "
                                "once without",
                                remote->name);
    remote->state = REMOTE_ABSENT;
    return 0;
}

static void remember_file(const char *path, const struct remote *remote)
{
    cleanup_error struct error ignored = {0};
    if (path != NULL && file_write_swap(path, remote->data, remote->size, 0600, &ignored) < 0)
        return;
}

// One file under way.
struct download {
    struct remote *remote; // borrowed
    struct input_login login;
    char *authorization;
    char *path; // of the copy, or NULL
};

static void download_release(void *element)
{
    struct download *download = element;
    input_login_release(&download->login);
    secret_free(download->authorization);
    free(download->path);
}

static int prepare(struct bundle_inputs *inputs, struct remote *remote, struct download *download,
                   struct http_request *ret_request, struct error *err)
{
    cleanup_free char *name = input_copy_name(inputs, remote);
    const struct gitremote_config *source = inputs->config.source;
    download->remote = remote;
    download->path = input_copy_path(inputs, name, ".file");
    if (inputs->config.offline)
        return recall_file(inputs, remote, download->path, err);
    if (input_find_login(inputs, remote, &download->login, err) < 0)
        return -1;
    download->authorization = authorization_of(&download->login);
    *ret_request = (struct http_request){
        .method = "GET",
        .url = download->login.url,
        .authorization = download->authorization,
        .tls = download->login.tls,
        .proxy = source != NULL ? source->proxy : NULL,
        .reach = inputs->config.reach,
        .cancel = inputs->config.cancel,
        .deadline_ms = input_time_left_ms(inputs, remote),
        .max_body_bytes = MAX_FILE_BYTES,
        .max_redirects = MAX_REDIRECTS,
        .max_retries = MAX_RETRIES,
    };
    return 0;
}

static int take_result(struct bundle_inputs *inputs, const struct download *download,
                       struct http_result *result, struct error *err)
{
    struct remote *remote = download->remote;
    struct http_response *response = &result->response;
    cleanup_error struct error refusal = {0};
    if (result->error.code != ERROR_NONE) {
        error_move(err, &result->error);
        return error_wrap(err, "%s", remote->name);
    }
    if (http_status_error(response, "the server's answer", &refusal) < 0) {
        error_wrap(&refusal, "%s", remote->name);
        if (!remote->may_be_absent) {
            error_move(err, &refusal);
            return input_explain(inputs, remote, err);
        }
        remote->absence = xstrdup(error_message(&refusal));
        remote->state = REMOTE_ABSENT;
        return 0;
    }
    size_t size = response->body.len;
    if (take_file(inputs, remote, strbuf_steal(&response->body), size, err) < 0)
        return -1;
    remember_file(download->path, remote);
    return 0;
}

static int fetch_batch(struct bundle_inputs *inputs, struct remote **remotes, size_t n,
                       struct error *err)
{
    cleanup_vec struct vec downloads = VEC_OF(struct download, download_release);
    struct http_request requests[BATCH] = {0};
    struct http_result results[BATCH] = {0};
    size_t failed = n;
    for (size_t i = 0; i < n; i++)
        vec_push(&downloads);
    for (size_t i = 0; i < n; i++)
        if (prepare(inputs, remotes[i], vec_at(&downloads, i), &requests[i], err) < 0)
            return error_wrap(err, "%s", remotes[i]->place);
    if (inputs->config.offline)
        return 0;
    http_do_all(inputs->config.client, requests, n, BATCH, results, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        if (failed == n && take_result(inputs, vec_at(&downloads, i), &results[i], err) < 0)
            failed = i;
        http_result_release(&results[i]);
    }
    return failed == n ? 0 : error_wrap(err, "%s", remotes[failed]->place);
}

// A few at once: what they hold together is in memory at once, too.
int bundle_inputs_fetch_files(struct bundle_inputs *inputs, const struct vec *wanted,
                              struct error *err)
{
    struct remote **remotes = wanted->data;
    for (size_t i = 0; i < wanted->len; i += BATCH) {
        size_t n = wanted->len - i < BATCH ? wanted->len - i : BATCH;
        for (size_t k = i; k < i + n; k++)
            bundle_inputs_tell(inputs, remotes[k]);
        if (cancel_check(inputs->config.cancel, err) < 0 ||
            fetch_batch(inputs, remotes + i, n, err) < 0)
            return -1;
    }
    return 0;
}
