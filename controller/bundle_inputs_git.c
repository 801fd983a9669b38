// Remote bases: a ref is resolved to a commit once, and that commit fetched without its history.
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/bundle_inputs_internal.h"
#include "render/git/gitlocal.h"
#include "render/git/gitremote.h"
#include "render/git/gittransport.h"

enum { MAX_STATE_BYTES = 16 << 10 };

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
        return input_refuse_offline(remote, err);
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

int bundle_inputs_fetch_repository(struct bundle_inputs *inputs, struct remote *remote,
                                   struct error *err)
{
    cleanup_input_login struct input_login login = {0};
    cleanup_free char *name = input_copy_name(inputs, remote);
    cleanup_free char *dir = input_copy_path(inputs, name, "");
    cleanup_free char *state_path = input_copy_path(inputs, name, ".json");
    cleanup_free char *packs = input_copy_path(inputs, name, "/objects/pack");
    const struct gitremote_config *source = inputs->config.source;
    if (input_check_local(inputs, remote, err) < 0 ||
        input_find_login(inputs, remote, &login, err) < 0)
        return -1;
    if (inputs->repository_bytes >= inputs->config.max_bytes)
        return error_set(err, ERROR_LIMIT, "remote bases have more than %zu MiB",
                         inputs->config.max_bytes >> 20);
    bool ours = input_is_ours(inputs, remote);
    bool persons = !ours && remote->asker == NULL;
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
        .deadline_ms = input_time_left_ms(inputs, remote),
        .max_pack_bytes = inputs->config.max_bytes - inputs->repository_bytes,
    };
    if (config.ssh_identity == NULL && source == NULL && gittransport_ssh_takes(config.url))
        return error_set(err, ERROR_DENIED, "%s: ssh needs a key: name it with --ssh-identity",
                         remote->name);
    if (fetch_commit(inputs, remote, &config, state_path, err) < 0)
        return input_explain(inputs, remote, err);
    if (dir != NULL)
        utimensat(AT_FDCWD, dir, NULL, 0); // used now, see keep_ms
    inputs->repository_bytes += bytes_in(packs);
    return 0;
}
