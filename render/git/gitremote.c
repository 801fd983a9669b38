// Round trips decide how long a push takes to arrive, so there are few: the server's capabilities
// are remembered in the store, a poll is one ls-refs, a fetch is one request that already says
// "done". If a remembered address or capability turns out wrong, it is asked for again, once.
#include "render/git/gitremote.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/semver.h"
#include "base/url.h"
#include "render/git/gitlib.h"
#include "render/git/gitlocal.h"
#include "render/git/gitremote_internal.h"
#include "render/git/gitsnapshot_internal.h"

enum {
    DEFAULT_DEADLINE_MS = 60 * 1000,
    DEFAULT_IDLE_MS = 30 * 1000,
    DEFAULT_PACK_BYTES = 1024 * 1024 * 1024, // the limit on one repository
    MAX_REQUEST_BYTES = 64 * 1024,
    MAX_REF_BYTES = 1000,
};

void gitremote_revision_release(struct gitremote_revision *revision)
{
    free(revision->ref);
    free(revision->name);
    *revision = (struct gitremote_revision){0};
}

static int open_transport(struct gitremote *remote, struct error *err)
{
    const struct gitremote_config *config = &remote->config;
    int64_t deadline_at_ms = clock_mono_ms(clock_system()) + config->deadline_ms;
    if (gittransport_ssh_takes(config->url))
        return gittransport_ssh_new(config, deadline_at_ms, &remote->transport, err);
    if (strncasecmp(config->url, "http://", 7) != 0 && strncasecmp(config->url, "https://", 8) != 0)
        return error_set(
            err, ERROR_INVALID,
            "the URL of a repository starts with https://, http://, ssh:// or file://");
    remote->is_http = true;
    remote->is_connected = gitstore_server(remote->store, &remote->caps);
    return gittransport_http_new(config, deadline_at_ms, &remote->transport, err);
}

static int open_local(struct gitremote *remote, struct error *err)
{
    cleanup_free char *path = NULL;
    if (gitlocal_path(remote->config.url, &path, err) < 0)
        return -1;
    return gitlocal_open(path, &remote->local, err);
}

// For sentences and the store. The form of ssh without scheme is no URL and holds no password.
static char *name_of(const char *url)
{
    if (strstr(url, "://") == NULL || gitlocal_takes(url))
        return xstrdup(url);
    char *name = url_without_credentials(url);
    if (*name != '\0')
        return name;
    free(name);
    return xstrdup("the repository's URL");
}

int gitremote_open(const struct gitremote_config *config, struct gitremote **ret_remote,
                   struct error *err)
{
    cleanup_gitremote struct gitremote *remote = xcalloc(1, sizeof *remote);
    remote->config = *config;
    remote->name = name_of(config->url);
    if (remote->config.deadline_ms == 0)
        remote->config.deadline_ms = DEFAULT_DEADLINE_MS;
    if (remote->config.idle_timeout_ms == 0)
        remote->config.idle_timeout_ms = DEFAULT_IDLE_MS;
    if (remote->config.max_pack_bytes == 0)
        remote->config.max_pack_bytes = DEFAULT_PACK_BYTES;
    if (gitlocal_takes(config->url)) {
        if (open_local(remote, err) < 0)
            return -1;
    } else if (gitstore_open(config->store_dir, remote->name, &remote->store, err) < 0 ||
               open_transport(remote, err) < 0) {
        return error_wrap(err, "%s", remote->name);
    }
    *ret_remote = STEAL(remote);
    return 0;
}

void gitremote_close(struct gitremote *remote)
{
    if (remote == NULL)
        return;
    if (remote->transport != NULL)
        remote->transport->ops->free(remote->transport);
    git_repository_free(remote->local);
    gitstore_unref(remote->store);
    free(remote->name);
    free(remote);
}

void cleanup_gitremote_pointer(struct gitremote **remote)
{
    gitremote_close(*remote);
}

static int feed_advert(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_advert_feed(parser, data, size, err);
}

static bool advert_done(const void *parser)
{
    return gitproto_advert_done(parser);
}

int gitremote_connect(struct gitremote *remote, struct error *err)
{
    if (remote->config.offline)
        return error_set(err, ERROR_UNAVAILABLE,
                         "it is not in the local copy, and nothing may be fetched");
    if (remote->is_connected)
        return 0;
    struct gitproto_advert advert;
    gitproto_advert_init(&advert, remote->is_http);
    struct gitanswer answer = {.feed = feed_advert, .done = advert_done, .parser = &advert};
    int result = remote->transport->ops->advertise(remote->transport, &answer, err);
    if (result == 0) {
        remote->caps = advert.caps;
        remote->is_connected = true;
        // A redirect is asked for each time: it may lead elsewhere tomorrow.
        if (remote->is_http && !gittransport_http_was_redirected(remote->transport))
            gitstore_set_server(remote->store, &remote->caps);
    }
    gitproto_advert_release(&advert);
    return result;
}

// Whether a command failed in a way that knowledge from an earlier run can explain (the server was
// replaced, or redirects now). Then it is forgotten, and the command may be sent once more.
static bool forget_server(struct gitremote *remote, bool was_remembered, const struct error *err)
{
    if (!was_remembered || err->code == ERROR_TIMEOUT || err->code == ERROR_CANCELED ||
        err->code == ERROR_LIMIT || err->code == ERROR_CONFLICT)
        return false;
    gitstore_set_server(remote->store, NULL);
    remote->is_connected = false;
    return true;
}

// After a failure an ssh child is gone, and the next command needs a new one.
static int command(struct gitremote *remote, const struct strbuf *request,
                   const struct gitanswer *answer, struct error *err)
{
    if (remote->transport->ops->command(remote->transport, request, answer, err) == 0)
        return 0;
    if (!remote->is_http)
        remote->is_connected = false;
    return -1;
}

static int feed_refs(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_ls_refs_feed(parser, data, size, err);
}

static bool refs_done(const void *parser)
{
    return gitproto_ls_refs_done(parser);
}

static int list_remote_refs(struct gitremote *remote, const char *prefix, struct vec *refs,
                            struct error *err)
{
    if (gitremote_connect(remote, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf request;
    strbuf_init(&request, MAX_REQUEST_BYTES);
    gitproto_ls_refs_request(&request, prefix);
    if (strbuf_check(&request, "the request", err) < 0)
        return -1;
    struct gitproto_ls_refs parser;
    gitproto_ls_refs_init(&parser, prefix);
    struct gitanswer answer = {.feed = feed_refs, .done = refs_done, .parser = &parser};
    int result = command(remote, &request, &answer, err);
    if (result == 0) {
        vec_free(refs);
        *refs = parser.refs;
        parser.refs = GITPROTO_REFS;
    }
    gitproto_ls_refs_release(&parser);
    return result;
}

static int list_refs(struct gitremote *remote, const char *prefix, struct vec *refs,
                     struct error *err)
{
    cleanup_error struct error first = {0};
    if (remote->local != NULL)
        return gitlocal_refs(remote->local, prefix, refs, err);
    bool was_remembered = remote->is_http && remote->is_connected;
    if (list_remote_refs(remote, prefix, refs, &first) == 0)
        return 0;
    if (forget_server(remote, was_remembered, &first))
        return list_remote_refs(remote, prefix, refs, err);
    return error_move(err, &first);
}

static void take_ref(const struct gitproto_ref *ref, const char *name,
                     struct gitremote_revision *ret_revision)
{
    struct gitremote_revision revision = {.ref = xstrdup(ref->name), .name = xstrdup(name)};
    memcpy(revision.commit, *ref->peeled != '\0' ? ref->peeled : ref->oid, sizeof revision.commit);
    *ret_revision = revision;
}

static int resolve_name(struct gitremote *remote, const char *folder, const char *kind,
                        const char *name, struct gitremote_revision *ret_revision,
                        struct error *err)
{
    cleanup_free char *ref = xasprintf("%s%s", folder, name);
    cleanup_vec struct vec refs = GITPROTO_REFS;
    int valid = 0;
    if (strlen(ref) > MAX_REF_BYTES || git_reference_name_is_valid(&valid, ref) < 0 || valid == 0)
        return error_set(err, ERROR_INVALID, "\"%s\" is no name that a %s can have", name, kind);
    if (list_refs(remote, ref, &refs, err) < 0)
        return -1;
    vec_foreach (struct gitproto_ref, found, &refs) {
        if (strcmp(found->name, ref) == 0) {
            take_ref(found, name, ret_revision);
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND,
                     "there is no %s \"%s\": it was deleted, or its name is misspelt", kind, name);
}

// The highest version; of equal ones the name that sorts last, so that the choice does not depend
// on the server's order.
static int resolve_semver(struct gitremote *remote, const char *text,
                          struct gitremote_revision *ret_revision, struct error *err)
{
    static const char folder[] = "refs/tags/";
    cleanup_semver_range struct semver_range *range = NULL;
    cleanup_vec struct vec refs = GITPROTO_REFS;
    cleanup_semver struct semver highest = {0};
    const struct gitproto_ref *best = NULL;
    if (semver_range_parse(text, &range, err) < 0 || list_refs(remote, folder, &refs, err) < 0)
        return -1;
    vec_foreach (struct gitproto_ref, ref, &refs) {
        cleanup_semver struct semver version = {0};
        if (semver_parse(ref->name + strlen(folder), &version, NULL) < 0 ||
            !semver_range_allows(range, &version))
            continue;
        int order = best != NULL ? semver_compare(&version, &highest) : 1;
        if (order < 0 || (order == 0 && strcmp(ref->name, best->name) < 0))
            continue;
        struct semver previous = highest;
        highest = version;
        version = previous;
        best = ref;
    }
    if (best == NULL)
        return error_set(err, ERROR_NOT_FOUND, "none of the %zu tags is a version in \"%s\"",
                         refs.len, text);
    take_ref(best, best->name + strlen(folder), ret_revision);
    return 0;
}

static int resolve_commit(const char *text, struct gitremote_revision *ret_revision,
                          struct error *err)
{
    if (!gitproto_is_oid(text, strlen(text)))
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is no commit: write all 40 hex digits, in lower case", text);
    struct gitremote_revision revision = {.ref = xstrdup(""), .name = xstrdup("")};
    memcpy(revision.commit, text, sizeof revision.commit);
    *ret_revision = revision;
    return 0;
}

// *ret_found: whether there is such a ref.
static int resolve_ref(struct gitremote *remote, const char *folder, const char *name,
                       struct gitremote_revision *ret_revision, bool *ret_found, struct error *err)
{
    cleanup_free char *ref = xasprintf("%s%s", folder, name);
    cleanup_vec struct vec refs = GITPROTO_REFS;
    if (list_refs(remote, ref, &refs, err) < 0)
        return -1;
    vec_foreach (struct gitproto_ref, found, &refs) {
        if (strcmp(found->name, ref) != 0)
            continue;
        take_ref(found, name, ret_revision);
        *ret_found = true;
        return 0;
    }
    return 0;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// In the order of gitrevisions, but for remote-tracking refs, which are nobody's business.
static int resolve_any(struct gitremote *remote, const char *name,
                       struct gitremote_revision *ret_revision, struct error *err)
{
    static const char *const folders[] = {"refs/tags/", "refs/heads/", "refs/"};
    static const char *const whole[] = {""};
    static const char *const below_refs[] = {"refs/", "refs/tags/", "refs/heads/"};
    const char *const *order = folders;
    size_t n = ARRAY_LENGTH(folders);
    bool is_head = *name == '\0' || strcmp(name, "HEAD") == 0;
    bool found = false;
    int valid = 0;
    if (gitproto_is_oid(name, strlen(name)))
        return resolve_commit(name, ret_revision, err);
    if (is_head || starts_with(name, "refs/")) {
        order = whole;
        n = ARRAY_LENGTH(whole);
    } else if (starts_with(name, "heads/") || starts_with(name, "tags/")) {
        order = below_refs;
    }
    cleanup_free char *sample = xasprintf("%s%s", is_head ? "refs/" : order[0], name);
    if (!is_head && (strlen(sample) > MAX_REF_BYTES ||
                     git_reference_name_is_valid(&valid, sample) < 0 || valid == 0))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name that a ref can have", name);
    for (size_t i = 0; i < n && !found; i++)
        if (resolve_ref(remote, order[i], is_head ? "HEAD" : name, ret_revision, &found, err) < 0)
            return -1;
    if (found)
        return 0;
    return is_head ? error_set(err, ERROR_NOT_FOUND,
                               "the repository has no commit, or its HEAD leads nowhere: name a "
                               "branch, a tag or a commit")
                   : error_set(err, ERROR_NOT_FOUND,
                               "there is no branch or tag \"%s\": it was deleted, or its name is "
                               "misspelt (a commit has all 40 hex digits, in lower case)",
                               name);
}

static int resolve(struct gitremote *remote, const struct gitremote_selector *selector,
                   struct gitremote_revision *ret_revision, struct error *err)
{
    switch (selector->kind) {
    case GITREMOTE_BRANCH:
        return resolve_name(remote, "refs/heads/", "branch", selector->value, ret_revision, err);
    case GITREMOTE_TAG:
        return resolve_name(remote, "refs/tags/", "tag", selector->value, ret_revision, err);
    case GITREMOTE_SEMVER:
        return resolve_semver(remote, selector->value, ret_revision, err);
    case GITREMOTE_COMMIT:
        return resolve_commit(selector->value, ret_revision, err);
    case GITREMOTE_NAME:
        return resolve_any(remote, selector->value, ret_revision, err);
    }
    return error_set(err, ERROR_INTERNAL, "unknown selector %d", (int)selector->kind);
}

int gitremote_resolve(struct gitremote *remote, const struct gitremote_selector *selector,
                      struct gitremote_revision *ret_revision, struct error *err)
{
    if (resolve(remote, selector, ret_revision, err) < 0)
        return error_wrap(err, "%s", remote->name);
    return 0;
}

static int feed_fetch(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_fetch_feed(parser, data, size, err);
}

static bool fetch_done(const void *parser)
{
    return gitproto_fetch_done(parser);
}

int gitremote_receive(struct gitremote *remote, const struct gitproto_fetch_request *request,
                      struct gitpack *pack, struct error *err)
{
    cleanup_strbuf struct strbuf bytes;
    strbuf_init(&bytes, MAX_REQUEST_BYTES);
    gitproto_fetch_write(&bytes, request);
    if (strbuf_check(&bytes, "the request", err) < 0)
        return -1;
    struct gitproto_fetch parser;
    gitproto_fetch_init(&parser, gitpack_add, pack);
    struct gitanswer answer = {.feed = feed_fetch, .done = fetch_done, .parser = &parser};
    int result = command(remote, &bytes, &answer, err);
    gitproto_fetch_release(&parser);
    return result;
}

// `have`: the commit whose files are here, or NULL to fetch all.
static int fetch_into_store(struct gitremote *remote, const char *commit, const char *have,
                            struct error *err)
{
    cleanup_gitpack struct gitpack *pack = NULL;
    if (gitremote_connect(remote, err) < 0 ||
        gitpack_begin(remote->store, remote->config.max_pack_bytes, remote->config.cancel, &pack,
                      err) < 0)
        return -1;
    // A server that cannot cut the history sends all of it, and cannot be told what we have
    // without it.
    bool shallow = remote->caps.shallow;
    struct gitproto_fetch_request request = {
        .want = commit,
        .have = shallow ? have : NULL,
        .have_is_shallow = true,
        .deepen_one = shallow,
        .thin = shallow && have != NULL,
    };
    if (gitremote_receive(remote, &request, pack, err) < 0 || gitpack_commit(pack, err) < 0)
        return -1;
    return gitstore_set_tip(remote->store, commit, request.have == NULL, err);
}

// What the server sent does not fit what is here: a wrong answer to what we said we have, or a
// damaged copy.
static bool is_worth_starting_over(const struct error *err)
{
    return err->code == ERROR_INVALID || err->code == ERROR_INTERNAL;
}

static int fetch(struct gitremote *remote, const char *commit, struct error *err)
{
    cleanup_error struct error first = {0};
    const char *tip = gitstore_tip(remote->store);
    if (tip != NULL && strcmp(tip, commit) == 0)
        return 0;
    cleanup_free char *have = gitstore_is_worn(remote->store) ? NULL : xstrdup_or_null(tip);
    bool was_remembered = remote->is_http && remote->is_connected;
    if (fetch_into_store(remote, commit, have, &first) == 0)
        return 0;
    bool start_over = have != NULL && is_worth_starting_over(&first);
    if (start_over && gitstore_clear(remote->store, err) < 0)
        return -1;
    if (forget_server(remote, was_remembered, &first) || start_over)
        return fetch_into_store(remote, commit, start_over ? NULL : have, err);
    return error_move(err, &first);
}

static int snapshot(struct gitremote *remote, const char *commit, struct gitsnapshot **ret_snapshot,
                    struct error *err)
{
    if (remote->local == NULL)
        return gitsnapshot_new(remote->store, NULL, commit, ret_snapshot, err);
    git_repository *own = NULL;
    int result = git_repository_open(&own, git_repository_path(remote->local));
    if (result < 0)
        return gitlib_error(err, result, ERROR_INVALID, "open the repository");
    return gitsnapshot_new(NULL, own, commit, ret_snapshot, err);
}

int gitremote_fetch(struct gitremote *remote, const struct gitremote_revision *revision,
                    struct gitsnapshot **ret_snapshot, struct error *err)
{
    cleanup_error struct error failure = {0};
    if (remote->local == NULL && fetch(remote, revision->commit, &failure) < 0) {
        // A ref can move meanwhile; a commit that was named itself stays away.
        if (failure.code == ERROR_CONFLICT && *revision->ref == '\0')
            return error_set(err, ERROR_NOT_FOUND, "%s: the repository has no commit %s",
                             remote->name, revision->commit);
        error_move(err, &failure);
        return error_wrap(err, "%s: fetch %.12s", remote->name, revision->commit);
    }
    if (snapshot(remote, revision->commit, ret_snapshot, err) == 0)
        return 0;
    return error_wrap(err, "%s", remote->name);
}
