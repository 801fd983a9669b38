// Happy path: open (lock, read state, drop leftovers), add a pack, set the tip. Order makes it safe
// against a crash: pack, then its index, then the state that names the commit; what a crash leaves
// behind is a pack without state, which costs only its bytes.
#include "render/git/gitstore.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "render/git/gitlib.h"

enum {
    MAX_STATE_BYTES = 16 * 1024,
    WORN_PACKS = 40,               // each costs two files and a search
    WORN_BYTES = 64 * 1024 * 1024, // of additions; small repositories never get there
    PACK_HEADER_BYTES = 12,        // gitformat-pack: PACK, version, number of objects
};

struct gitstore {
    unsigned refs;
    char *dir; // owned
    char *pack_dir;
    char *url;
    bool temporary; // dir goes with the store
    int lock_fd;
    git_odb *odb;
    char *tip; // NULL = none
    bool knows_server;
    struct gitproto_caps caps;
    char *last_pack; // name without suffix
    size_t packs;
    size_t added_bytes; // of packs after the first
};

struct gitpack {
    struct gitstore *store; // a reference
    git_indexer *indexer;
    git_indexer_progress progress; // the indexer's own state as well: one struct for all its calls
    size_t size;
    size_t max_bytes;
    struct cancel *cancel; // NULL = none
};

static void drop_dir(struct gitstore *store)
{
    cleanup_error struct error err = {0};
    if (store->temporary && file_remove_tree(store->dir, &err) < 0)
        return; // a folder in the temporary directory stays behind; nothing depends on it
}

struct gitstore *gitstore_ref(struct gitstore *store)
{
    store->refs++;
    return store;
}

void gitstore_unref(struct gitstore *store)
{
    if (store == NULL || --store->refs > 0)
        return;
    git_odb_free(store->odb);
    drop_dir(store);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store->dir);
    free(store->pack_dir);
    free(store->url);
    free(store->tip);
    free(store->last_pack);
    free(store);
}

void cleanup_gitstore_pointer(struct gitstore **store)
{
    gitstore_unref(*store);
}

static int take_lock(struct gitstore *store, struct error *err)
{
    cleanup_free char *path = path_join(store->dir, "lock");
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return error_errno(err, errno, "open %s", path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(err, ERROR_CONFLICT, "%s is in use by another fetch", store->dir);
    return error_errno(err, errno, "lock %s", path);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

// Removes what is no pack with its index, and every pack but `keep` (NULL keeps all). Counts what
// stays.
static int sweep_packs(struct gitstore *store, const char *keep, struct error *err)
{
    DIR *dir = opendir(store->pack_dir);
    if (dir == NULL)
        return error_errno(err, errno, "read %s", store->pack_dir);
    size_t largest = 0;
    size_t total = 0;
    store->packs = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        cleanup_free char *path = path_join(store->pack_dir, entry->d_name);
        bool is_pack = has_suffix(entry->d_name, ".pack");
        size_t stem = strlen(entry->d_name) - strlen(is_pack ? ".pack" : ".idx");
        bool known = strncmp(entry->d_name, "pack-", 5) == 0 &&
                     (is_pack || has_suffix(entry->d_name, ".idx"));
        cleanup_free char *twin = known ? xasprintf("%s/%.*s%s", store->pack_dir, (int)stem,
                                                    entry->d_name, is_pack ? ".idx" : ".pack")
                                        : NULL;
        bool wanted =
            twin != NULL && file_exists(twin) &&
            (keep == NULL || (strlen(keep) == stem && strncmp(entry->d_name, keep, stem) == 0));
        struct stat status;
        if (!wanted) {
            unlink(path);
        } else if (is_pack && stat(path, &status) == 0) {
            size_t size = (size_t)status.st_size;
            store->packs++;
            total += size;
            largest = size > largest ? size : largest;
        }
    }
    closedir(dir);
    store->added_bytes = total - largest;
    return 0;
}

static int open_odb(struct gitstore *store, struct error *err)
{
    cleanup_free char *objects = path_join(store->dir, "objects");
    git_odb *odb = NULL;
    int result = git_odb_open(&odb, objects);
    if (result < 0)
        return gitlib_error(err, result, ERROR_INTERNAL, "open %s", objects);
    git_odb_free(store->odb);
    store->odb = odb;
    return 0;
}

static void forget_tip(struct gitstore *store)
{
    cleanup_free char *path = path_join(store->dir, "state.json");
    unlink(path);
    free(STEAL(store->tip));
}

int gitstore_clear(struct gitstore *store, struct error *err)
{
    forget_tip(store);
    git_odb_free(STEAL(store->odb));
    if (sweep_packs(store, "", err) < 0)
        return -1;
    return open_odb(store, err);
}

// Nothing where the state is absent, damaged, or of another repository.
static void read_state(struct gitstore *store)
{
    cleanup_free char *path = path_join(store->dir, "state.json");
    cleanup_free char *text = NULL;
    cleanup_json json_t *state = NULL;
    size_t size = 0;
    if (file_read(path, MAX_STATE_BYTES, &text, &size, NULL) < 0 ||
        jval_parse_object(text, size, "state.json", &state, NULL) < 0)
        return;
    const char *url = jval_string(state, "url");
    const char *tip = jval_string(state, "tip");
    if (url == NULL || strcmp(url, store->url) != 0 || tip == NULL ||
        !gitproto_is_oid(tip, strlen(tip)))
        return;
    store->tip = xstrdup(tip);
    store->knows_server = jval_object(state, "server") != NULL;
    store->caps.shallow = jval_bool(state, "server.shallow", false);
    store->caps.filter = jval_bool(state, "server.filter", false);
}

static int write_state(struct gitstore *store, struct error *err)
{
    cleanup_free char *path = path_join(store->dir, "state.json");
    cleanup_json json_t *state = json_object();
    jval_set_string(state, "url", store->url);
    jval_set_string(state, "tip", store->tip);
    if (store->knows_server) {
        jval_set_bool(state, "server.shallow", store->caps.shallow);
        jval_set_bool(state, "server.filter", store->caps.filter);
    }
    cleanup_free char *text = jval_pretty(state);
    return file_write_swap(path, text, strlen(text), 0600, err);
}

static bool holds_commit(struct gitstore *store, const char *commit)
{
    git_oid oid;
    return git_oid_fromstr(&oid, commit) == 0 && git_odb_exists(store->odb, &oid) != 0;
}

static int open_in(struct gitstore *store, struct error *err)
{
    if (file_make_dirs(store->pack_dir, err) < 0 || take_lock(store, err) < 0)
        return -1;
    cleanup_free char *state = path_join(store->dir, "state.json");
    file_remove_temporary(state);
    read_state(store);
    if (store->tip == NULL)
        return gitstore_clear(store, err);
    if (sweep_packs(store, NULL, err) < 0 || open_odb(store, err) < 0)
        return -1;
    return holds_commit(store, store->tip) ? 0 : gitstore_clear(store, err);
}

int gitstore_open(const char *dir, const char *url, struct gitstore **ret_store, struct error *err)
{
    cleanup_gitstore struct gitstore *store = xcalloc(1, sizeof *store);
    store->refs = 1;
    store->lock_fd = -1;
    store->url = xstrdup(url);
    if (dir != NULL)
        store->dir = xstrdup(dir);
    else if (file_make_temp_dir("sealift-git-", &store->dir, err) < 0)
        return -1;
    store->temporary = dir == NULL;
    store->pack_dir = path_join(store->dir, "objects/pack");
    if (open_in(store, err) < 0)
        return -1;
    *ret_store = STEAL(store);
    return 0;
}

const char *gitstore_tip(const struct gitstore *store)
{
    return store->tip;
}

git_odb *gitstore_odb(struct gitstore *store)
{
    return store->odb;
}

bool gitstore_is_worn(const struct gitstore *store)
{
    return store->packs >= WORN_PACKS || store->added_bytes > WORN_BYTES;
}

bool gitstore_server(const struct gitstore *store, struct gitproto_caps *ret_caps)
{
    if (store->knows_server)
        *ret_caps = store->caps;
    return store->knows_server;
}

void gitstore_set_server(struct gitstore *store, const struct gitproto_caps *caps)
{
    store->knows_server = caps != NULL;
    if (caps != NULL)
        store->caps = *caps;
}

// The deltas of a large pack take a while.
static int on_progress(const git_indexer_progress *progress, void *arg)
{
    const struct gitpack *pack = arg;
    (void)progress;
    return cancel_requested(pack->cancel) ? GIT_EUSER : 0;
}

int gitpack_begin(struct gitstore *store, size_t max_bytes, struct cancel *cancel,
                  struct gitpack **ret_pack, struct error *err)
{
    cleanup_gitpack struct gitpack *pack = xcalloc(1, sizeof *pack);
    pack->store = gitstore_ref(store);
    pack->max_bytes = max_bytes;
    pack->cancel = cancel;
    git_indexer_options options = {.version = GIT_INDEXER_OPTIONS_VERSION};
    options.progress_cb = on_progress;
    options.progress_cb_payload = pack;
    int result = git_indexer_new(&pack->indexer, store->pack_dir, 0600, store->odb, &options);
    if (result < 0)
        return gitlib_error(err, result, ERROR_INTERNAL, "begin a pack in %s", store->pack_dir);
    *ret_pack = STEAL(pack);
    return 0;
}

int gitpack_add(void *arg, const void *data, size_t size, struct error *err)
{
    struct gitpack *pack = arg;
    if (size > pack->max_bytes - pack->size)
        return error_set(err, ERROR_LIMIT,
                         "the repository is larger than the limit of %zu MiB; keep large files out "
                         "of it or raise the limit",
                         pack->max_bytes / 1024 / 1024);
    pack->size += size;
    int result = git_indexer_append(pack->indexer, data, size, &pack->progress);
    if (result == GIT_EUSER)
        return cancel_check(pack->cancel, err);
    if (result < 0)
        return gitlib_error(err, result == GIT_ENOTFOUND ? GIT_ERROR : result, ERROR_INVALID,
                            "the pack cannot be read");
    return 0;
}

int gitpack_commit(struct gitpack *pack, struct error *err)
{
    if (pack->size < PACK_HEADER_BYTES)
        return error_set(err, ERROR_UNAVAILABLE, "the pack is cut off after %zu bytes", pack->size);
    if (pack->progress.received_objects < pack->progress.total_objects)
        return error_set(err, ERROR_UNAVAILABLE, "the pack is cut off after %u of %u objects",
                         pack->progress.received_objects, pack->progress.total_objects);
    int result = git_indexer_commit(pack->indexer, &pack->progress);
    if (result == GIT_EUSER)
        return cancel_check(pack->cancel, err);
    if (result < 0)
        return gitlib_error(err, result == GIT_ENOTFOUND ? GIT_ERROR : result, ERROR_INVALID,
                            "the pack is wrong");
    free(pack->store->last_pack);
    pack->store->last_pack = xasprintf("pack-%s", git_indexer_name(pack->indexer));
    return open_odb(pack->store, err);
}

void gitpack_free(struct gitpack *pack)
{
    if (pack == NULL)
        return;
    git_indexer_free(pack->indexer);
    gitstore_unref(pack->store);
    free(pack);
}

void cleanup_gitpack_pointer(struct gitpack **pack)
{
    gitpack_free(*pack);
}

int gitstore_set_tip(struct gitstore *store, const char *commit, bool only_last_pack,
                     struct error *err)
{
    char *copy = xstrdup(commit);
    free(store->tip);
    store->tip = copy;
    if (write_state(store, err) < 0)
        return -1;
    assert(!only_last_pack || store->last_pack != NULL);
    if (sweep_packs(store, only_last_pack ? store->last_pack : NULL, err) < 0)
        return -1;
    return only_last_pack ? open_odb(store, err) : 0;
}
