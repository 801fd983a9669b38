// One remote base or file: whether it may be asked for, with which credentials, and where its copy
// is kept.
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"
#include "controller/bundle_inputs_internal.h"
#include "controller/local.h"
#include "render/git/gitlocal.h"
#include "render/git/gitremote.h"
#include "render/git/gittransport.h"

enum {
    MAX_FILE_BYTES = 16 << 20,
    MAX_FILES_BYTES = 64 << 20, // of one build
    MAX_STATE_BYTES = 16 << 10,
    MAX_REDIRECTS = 10,
    MAX_RETRIES = 2, // the caller's queue has the patient ones
};

// ---- who may ask, and as whom ----

// Scheme, host and port of a URL in any form that git knows. Owned.
static char *origin_of(const char *text)
{
    cleanup_url struct url url = {0};
    if (gitlocal_takes(text))
        return xstrdup("file:");
    if (strstr(text, "://") != NULL)
        return url_parse(text, &url, NULL) == 0
                   ? xasprintf("%s://%s:%d", url.scheme, url.host, url.port)
                   : xstrdup("");
    // [user@]host:path
    size_t authority = strcspn(text, ":");
    const char *at = memchr(text, '@', authority);
    const char *host = at != NULL ? at + 1 : text;
    cleanup_free char *as_url =
        xasprintf("ssh://%.*s/", (int)(authority - (size_t)(host - text)), host);
    return url_parse(as_url, &url, NULL) == 0
               ? xasprintf("%s://%s:%d", url.scheme, url.host, url.port)
               : xstrdup("");
}

static bool same_origin(const char *a, const char *b)
{
    cleanup_free char *first = origin_of(a);
    cleanup_free char *second = origin_of(b);
    return *first != '\0' && strcmp(first, second) == 0;
}

// Whether credentials for the host of `url` are for this: it is on that host, and asked for by the
// tree itself or by something of that host. A base of somebody else's reads nothing in our name.
static bool is_for(const char *url, const struct remote *remote)
{
    return same_origin(url, remote->url) &&
           (*remote->asked_by == '\0' || same_origin(url, remote->asked_by));
}

static bool is_ours(const struct bundle_inputs *inputs, const struct remote *remote)
{
    return inputs->config.source != NULL && is_for(inputs->config.source->url, remote);
}

// Places of this host are named by the tree, if at all, and not by what comes over a network.
static int check_local(const struct bundle_inputs *inputs, const struct remote *remote,
                       struct error *err)
{
    if (!gitlocal_takes(remote->url))
        return 0;
    bool from_here = *remote->asked_by == '\0' || gitlocal_takes(remote->asked_by);
    if (!inputs->config.allow_local || !from_here)
        return error_set(err, ERROR_DENIED,
                         "%s is a place of the host that renders, which a tree from elsewhere may "
                         "not name; serve that repository over https or ssh",
                         remote->name);
    return inputs->config.role != NULL ? local_check_url(inputs->config.role, remote->url, err) : 0;
}

struct login {
    char *url; // without user and password
    char *username;
    char *password;
    const char *bearer_token;
    const struct http_tls *tls;
};

static void login_release(struct login *login)
{
    free(login->url);
    free(login->username);
    secret_free(login->password);
}
#define cleanup_login __attribute__((cleanup(login_release)))

static void take_persons(const struct bundle_inputs *inputs, const struct remote *remote,
                         struct login *login)
{
    vec_foreach (const struct bundle_login, persons, inputs->config.logins) {
        if (!is_for(persons->url, remote))
            continue;
        login->username = xstrdup_or_null(persons->username);
        login->password = xstrdup_or_null(persons->password);
        return;
    }
}

// What the URL says itself comes first.
static int find_login(const struct bundle_inputs *inputs, const struct remote *remote,
                      struct login *ret_login, struct error *err)
{
    cleanup_login struct login login = {0};
    cleanup_url struct url url = {0};
    bool is_http = strncasecmp(remote->url, "http", 4) == 0;
    const struct gitremote_config *source = inputs->config.source;
    if (is_http && url_parse(remote->url, &url, err) < 0)
        return error_wrap(err, "%s", remote->name);
    login.url = is_http ? url_without_credentials(remote->url) : xstrdup(remote->url);
    bool ours = is_ours(inputs, remote);
    if (ours)
        login.tls = source->tls;
    if (is_http && url.password != NULL) {
        login.username = STEAL(url.user);
        login.password = STEAL(url.password);
    } else if (ours) {
        login.username = xstrdup_or_null(source->username);
        login.password = xstrdup_or_null(source->password);
        login.bearer_token = source->bearer_token;
    } else if (inputs->config.logins != NULL) {
        take_persons(inputs, remote, &login);
    }
    *ret_login = login;
    login = (struct login){0};
    return 0;
}

// Why there are no credentials, where their absence may be the cause.
static int explain(const struct bundle_inputs *inputs, const struct remote *remote,
                   struct error *err)
{
    bool may_be = err != NULL && (err->code == ERROR_DENIED || err->code == ERROR_NOT_FOUND);
    if (!may_be || gitlocal_takes(remote->url) || is_ours(inputs, remote))
        return -1;
    cleanup_free char *before = xstrdup(error_message(err));
    return error_set(err, err->code, "%s (%s)", before,
                     inputs->config.source != NULL
                         ? "the credentials of the source go to its own host, on behalf of its own "
                           "files only"
                         : "on the command line: --git-credentials");
}

static int64_t time_left_ms(const struct bundle_inputs *inputs, const struct remote *remote)
{
    int64_t left_ms = inputs->config.deadline_mono_ms - clock_mono_ms(clock_system());
    if (remote->timeout_ms > 0 && remote->timeout_ms < left_ms)
        left_ms = remote->timeout_ms;
    return left_ms > 0 ? left_ms : 1;
}

// ---- local copies ----

// The name of its copy: one per repository and ref, so that a build can hold two refs of one.
// Owned.
static char *copy_name(struct bundle_inputs *inputs, const struct remote *remote)
{
    cleanup_free char *key = xasprintf("%d\n%s\n%s", (int)remote->kind, remote->url, remote->ref);
    struct digest digest = digest_of(key, strlen(key));
    char *name = xstrndup(digest_hex(digest.text), COPY_NAME_DIGITS);
    vec_push_string(&inputs->used, name);
    return name;
}

// Where the copy is, with `ending`; NULL when copies are not kept. Owned.
static char *copy_path(const struct bundle_inputs *inputs, const char *name, const char *ending)
{
    return inputs->config.dir != NULL ? xasprintf("%s/%s%s", inputs->config.dir, name, ending)
                                      : NULL;
}

static int refuse_offline(const struct remote *remote, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE,
                     "%s is not in the cache, and --offline fetches nothing; run it once without",
                     remote->name);
}

// ---- repositories ----

static size_t bytes_in(const char *dir)
{
    size_t total = 0;
    DIR *stream = dir != NULL ? opendir(dir) : NULL;
    if (stream == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            total += (size_t)st.st_size;
    }
    closedir(stream);
    return total;
}

// What the ref was when it was fetched last, for --offline.
static int recall_revision(const struct remote *remote, const char *path,
                           struct gitremote_revision *ret_revision, struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_json json_t *state = NULL;
    size_t size = 0;
    if (path == NULL || file_read(path, MAX_STATE_BYTES, &text, &size, NULL) < 0 ||
        jval_parse_object(text, size, path, &state, NULL) < 0 ||
        strlen(jval_string_or(state, "commit", "")) != sizeof ret_revision->commit - 1)
        return refuse_offline(remote, err);
    struct gitremote_revision revision = {
        .ref = xstrdup(jval_string_or(state, "ref", "")),
        .name = xstrdup(jval_string_or(state, "name", "")),
    };
    memcpy(revision.commit, jval_string(state, "commit"), sizeof revision.commit);
    *ret_revision = revision;
    return 0;
}

// The cache is only an aid: what cannot be written is fetched again.
static void remember_revision(const char *path, const struct gitremote_revision *revision)
{
    cleanup_error struct error ignored = {0};
    cleanup_json json_t *state = json_object();
    if (path == NULL)
        return;
    jval_set_string(state, "commit", revision->commit);
    jval_set_string(state, "ref", revision->ref);
    jval_set_string(state, "name", revision->name);
    cleanup_free char *text = jval_compact(state);
    if (file_write_swap(path, text, strlen(text), 0600, &ignored) < 0)
        return;
}

static char *commit_uri(const struct remote *remote, const struct gitremote_revision *revision)
{
    const char *url = remote->name;
    const char *at = *revision->ref != '\0' ? revision->ref : revision->commit;
    if (strstr(url, "://") != NULL)
        return xasprintf("git+%s@%s", url, at);
    size_t authority = strcspn(url, ":");
    if (url[authority] == '\0')
        return xasprintf("git+file://%s@%s", url, at);
    const char *path = url + authority + 1 + strspn(url + authority + 1, "/");
    return xasprintf("git+ssh://%.*s/%s@%s", (int)authority, url, path, at);
}

static void warn_unpinned(struct bundle_inputs *inputs, const struct remote *remote,
                          const struct gitremote_revision *revision)
{
    bool is_head = strcmp(revision->ref, "HEAD") == 0;
    if (!is_head && strncmp(revision->ref, "refs/heads/", 11) != 0)
        return;
    *(char **)vec_push(&inputs->warnings) =
        xasprintf("%s: %s follows %s%s, and what is rendered changes with it; pin it to what it "
                  "is now: ?ref=%s",
                  remote->place, remote->name, is_head ? "its default branch" : "the branch ",
                  is_head ? "" : revision->ref + strlen("refs/heads/"), revision->commit);
}

static void note_repository(struct bundle_inputs *inputs, struct remote *remote,
                            const struct gitremote_revision *revision, struct gitsnapshot *snapshot)
{
    *(struct gitsnapshot **)vec_push(&inputs->snapshots) = snapshot;
    remote->tree = gitsnapshot_tree(snapshot);
    remote->state = REMOTE_BROUGHT;
    *(struct bundle_input *)vec_push(&inputs->list) = (struct bundle_input){
        .uri = commit_uri(remote, revision),
        .algorithm = "gitCommit",
        .digest = xstrdup(revision->commit),
    };
    warn_unpinned(inputs, remote, revision);
}

// Another process may use the copy just now: then this one is fetched for itself.
static int open_remote(struct gitremote_config *config, struct gitremote **ret_remote,
                       struct error *err)
{
    cleanup_error struct error failure = {0};
    if (gitremote_open(config, ret_remote, &failure) == 0)
        return 0;
    if (failure.code != ERROR_CONFLICT)
        return error_move(err, &failure);
    config->store_dir = NULL;
    return gitremote_open(config, ret_remote, err);
}

static int fetch_commit(struct bundle_inputs *inputs, struct remote *remote,
                        struct gitremote_config *config, const char *state_path, struct error *err)
{
    cleanup_gitremote struct gitremote *git = NULL;
    cleanup_gitremote_revision struct gitremote_revision revision = {0};
    struct gitsnapshot *snapshot = NULL;
    const struct gitremote_selector selector = {GITREMOTE_NAME, remote->ref};
    if (open_remote(config, &git, err) < 0)
        return -1;
    bool recall = config->offline && !gitlocal_takes(config->url);
    if ((recall ? recall_revision(remote, state_path, &revision, err)
                : gitremote_resolve(git, &selector, &revision, err)) < 0 ||
        gitremote_fetch(git, &revision, &snapshot, err) < 0)
        return -1;
    if (!recall)
        remember_revision(state_path, &revision);
    note_repository(inputs, remote, &revision, snapshot);
    return 0;
}

static int fetch_repository(struct bundle_inputs *inputs, struct remote *remote, struct error *err)
{
    cleanup_login struct login login = {0};
    cleanup_free char *name = copy_name(inputs, remote);
    cleanup_free char *dir = copy_path(inputs, name, "");
    cleanup_free char *state_path = copy_path(inputs, name, ".json");
    cleanup_free char *packs = copy_path(inputs, name, "/objects/pack");
    const struct gitremote_config *source = inputs->config.source;
    if (check_local(inputs, remote, err) < 0 || find_login(inputs, remote, &login, err) < 0)
        return -1;
    if (inputs->repository_bytes >= inputs->config.max_bytes)
        return error_set(err, ERROR_LIMIT, "remote bases have more than %zu MiB",
                         inputs->config.max_bytes >> 20);
    bool ours = is_ours(inputs, remote);
    bool persons = !ours && *remote->asked_by == '\0';
    struct gitremote_config config = {
        .url = login.url,
        .store_dir = dir,
        .username = login.username,
        .password = login.password,
        .bearer_token = login.bearer_token,
        .tls = login.tls,
        .ssh_identity = ours      ? source->ssh_identity
                        : persons ? inputs->config.ssh_identity
                                  : NULL,
        .ssh_known_hosts = ours      ? source->ssh_known_hosts
                           : persons ? inputs->config.ssh_known_hosts
                                     : NULL,
        .proxy = source != NULL ? source->proxy : NULL,
        .client = inputs->config.client,
        .reach = inputs->config.reach,
        .cancel = inputs->config.cancel,
        .offline = inputs->config.offline,
        .deadline_ms = time_left_ms(inputs, remote),
        .max_pack_bytes = inputs->config.max_bytes - inputs->repository_bytes,
    };
    if (config.ssh_identity == NULL && source == NULL && gittransport_ssh_takes(config.url))
        return error_set(err, ERROR_DENIED, "%s: ssh needs a key: name it with --ssh-identity",
                         remote->name);
    if (fetch_commit(inputs, remote, &config, state_path, err) < 0)
        return explain(inputs, remote, err);
    if (dir != NULL)
        utimensat(AT_FDCWD, dir, NULL, 0); // used now, see keep_ms
    inputs->repository_bytes += bytes_in(packs);
    return 0;
}

// ---- files ----

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

static char *authorization_of(const struct login *login)
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
        return refuse_offline(remote, err);
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

static int fetch_file(struct bundle_inputs *inputs, struct remote *remote, struct error *err)
{
    cleanup_login struct login login = {0};
    cleanup_free char *name = copy_name(inputs, remote);
    cleanup_free char *path = copy_path(inputs, name, ".file");
    cleanup_http_response struct http_response response = {0};
    cleanup_error struct error refusal = {0};
    if (inputs->config.offline)
        return recall_file(inputs, remote, path, err);
    if (find_login(inputs, remote, &login, err) < 0)
        return -1;
    cleanup_secret char *authorization = authorization_of(&login);
    const struct gitremote_config *source = inputs->config.source;
    const struct http_request request = {
        .method = "GET",
        .url = login.url,
        .authorization = authorization,
        .tls = login.tls,
        .proxy = source != NULL ? source->proxy : NULL,
        .reach = inputs->config.reach,
        .cancel = inputs->config.cancel,
        .deadline_ms = time_left_ms(inputs, remote),
        .max_body_bytes = MAX_FILE_BYTES,
        .max_redirects = MAX_REDIRECTS,
        .max_retries = MAX_RETRIES,
    };
    if (http_do(inputs->config.client, &request, &response, err) < 0)
        return error_wrap(err, "%s", remote->name);
    if (http_status_error(&response, "the server's answer", &refusal) < 0) {
        error_wrap(&refusal, "%s", remote->name);
        if (!remote->may_be_absent) {
            error_move(err, &refusal);
            return explain(inputs, remote, err);
        }
        remote->absence = xstrdup(error_message(&refusal));
        remote->state = REMOTE_ABSENT;
        return 0;
    }
    size_t size = response.body.len;
    if (take_file(inputs, remote, strbuf_steal(&response.body), size, err) < 0)
        return -1;
    remember_file(path, remote);
    return 0;
}

int bundle_inputs_fetch(struct bundle_inputs *inputs, struct remote *remote, struct error *err)
{
    if (cancel_check(inputs->config.cancel, err) < 0)
        return -1;
    if (inputs->config.dir != NULL && file_make_dirs(inputs->config.dir, err) < 0)
        return -1;
    if (inputs->config.tell != NULL) {
        cleanup_free char *step = xasprintf("fetching %s%s%s", remote->name,
                                            *remote->ref != '\0' ? " at " : "", remote->ref);
        inputs->config.tell(inputs->config.tell_arg, step);
    }
    return remote->kind == REMOTE_FILE ? fetch_file(inputs, remote, err)
                                       : fetch_repository(inputs, remote, err);
}
