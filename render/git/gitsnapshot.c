// A commit opened with libgit2, and the back end of its tree view.
#include "render/git/gitsnapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/git/gitlib.h"
#include "render/git/gitsnapshot_internal.h"

enum {
    MAX_SUBJECT_BYTES = 200,
    MAX_LINK_BYTES = 4095, // PATH_MAX without its NUL
    MAX_NAME_BYTES = 255,  // NAME_MAX
};

struct gitsnapshot {
    struct tree tree;       // first, so that a tree is its snapshot
    struct gitstore *store; // NULL for a repository on disk
    git_repository *repository;
    git_commit *commit;
    git_tree *root;
    struct gitcommit info;
};

static struct gitsnapshot *snapshot_of(struct tree *tree)
{
    return CONTAINER_OF(tree, struct gitsnapshot, tree);
}

// An object that should be there is not, or is not what its hash says.
static int object_failed(struct gitsnapshot *snapshot, int result, const char *path,
                         struct error *err)
{
    gitlib_error(err, result, ERROR_UNAVAILABLE, "read %s of commit %.12s",
                 *path != '\0' ? path : "the top folder", snapshot->info.id);
    if (err != NULL && err->code == ERROR_LIMIT)
        return -1;
    cleanup_error struct error dropped = {0};
    if (snapshot->store != NULL)
        (void)!gitstore_clear(snapshot->store, &dropped);
    if (err != NULL) {
        err->code = ERROR_UNAVAILABLE;
        error_wrap(err, snapshot->store != NULL
                            ? "the local copy of the repository is damaged and was dropped"
                            : "the repository is damaged");
    }
    return -1;
}

static int find(struct gitsnapshot *snapshot, const char *path, git_tree_entry **ret_entry,
                struct error *err)
{
    int result = git_tree_entry_bypath(ret_entry, snapshot->root, path);
    if (result == 0)
        return 0;
    // A tree object that is missing gives the same code as a name that is; its class differs.
    const git_error *last = git_error_last();
    if (result == GIT_ENOTFOUND && last != NULL && last->klass == GIT_ERROR_TREE)
        return error_set(err, ERROR_NOT_FOUND, "%s does not exist in commit %.12s", path,
                         snapshot->info.id);
    return object_failed(snapshot, result, path, err);
}

static enum tree_kind kind_of(git_filemode_t mode)
{
    switch (mode) {
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
        return TREE_FILE;
    case GIT_FILEMODE_TREE:
        return TREE_DIRECTORY;
    case GIT_FILEMODE_LINK:
        return TREE_SYMLINK;
    case GIT_FILEMODE_COMMIT:
    case GIT_FILEMODE_UNREADABLE:
        break;
    }
    return TREE_OTHER;
}

static int size_of(struct gitsnapshot *snapshot, const git_oid *oid, const char *path,
                   size_t *ret_size, struct error *err)
{
    git_odb *odb = NULL;
    git_object_t type = GIT_OBJECT_INVALID;
    int result = git_repository_odb(&odb, snapshot->repository);
    if (result == 0)
        result = git_odb_read_header(ret_size, &type, odb, oid);
    git_odb_free(odb);
    if (result < 0)
        return object_failed(snapshot, result, path, err);
    return type == GIT_OBJECT_BLOB
               ? 0
               : error_set(err, ERROR_INVALID, "%s of commit %.12s is stored as no file", path,
                           snapshot->info.id);
}

static int view_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind,
                       size_t *ret_size, struct error *err)
{
    struct gitsnapshot *snapshot = snapshot_of(tree);
    git_tree_entry *entry = NULL;
    if (*path == '\0') {
        *ret_kind = TREE_DIRECTORY;
        *ret_size = 0;
        return 0;
    }
    if (find(snapshot, path, &entry, err) < 0)
        return -1;
    enum tree_kind kind = kind_of(git_tree_entry_filemode(entry));
    size_t size = 0;
    int result =
        kind == TREE_FILE ? size_of(snapshot, git_tree_entry_id(entry), path, &size, err) : 0;
    git_tree_entry_free(entry);
    if (result == 0) {
        *ret_kind = kind;
        *ret_size = size;
    }
    return result;
}

// The size is looked at first: what is over the limit is never unpacked.
static int read_blob(struct gitsnapshot *snapshot, const char *path, size_t max_bytes,
                     char **ret_data, size_t *ret_size, struct error *err)
{
    git_tree_entry *entry = NULL;
    git_blob *blob = NULL;
    size_t size = 0;
    if (find(snapshot, path, &entry, err) < 0)
        return -1;
    git_oid oid = *git_tree_entry_id(entry);
    git_tree_entry_free(entry);
    if (size_of(snapshot, &oid, path, &size, err) < 0)
        return -1;
    if (size > max_bytes)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes, more than the limit of %zu", path,
                         size, max_bytes);
    int result = git_blob_lookup(&blob, snapshot->repository, &oid);
    if (result < 0)
        return object_failed(snapshot, result, path, err);
    char *data = xmalloc(size + 1);
    memcpy(data, git_blob_rawcontent(blob), size);
    data[size] = '\0';
    git_blob_free(blob);
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static int view_read(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                     size_t *ret_size, struct error *err)
{
    return read_blob(snapshot_of(tree), path, max_bytes, ret_data, ret_size, err);
}

static int view_read_link(struct tree *tree, const char *path, char **ret_target, struct error *err)
{
    cleanup_free char *target = NULL;
    size_t size = 0;
    if (read_blob(snapshot_of(tree), path, MAX_LINK_BYTES, &target, &size, err) < 0)
        return -1;
    if (size == 0 || strlen(target) != size)
        return error_set(err, ERROR_INVALID, "%s is a symbolic link without a usable target", path);
    *ret_target = STEAL(target);
    return 0;
}

// Git refuses such names in its index, but a hand-made tree object can hold them.
static bool is_usable_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= MAX_NAME_BYTES && strchr(name, '/') == NULL &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int list_tree(struct gitsnapshot *snapshot, const git_tree *folder, const char *path,
                     struct vec *entries, struct error *err)
{
    for (size_t i = 0; i < git_tree_entrycount(folder); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(folder, i);
        const char *name = git_tree_entry_name(entry);
        if (!is_usable_name(name))
            return error_set(err, ERROR_INVALID,
                             "a name in folder \"%s\" of commit %.12s is none that git writes",
                             path, snapshot->info.id);
        struct tree_entry *out = vec_push(entries);
        out->name = xstrdup(name);
        out->kind = kind_of(git_tree_entry_filemode(entry));
        if (out->kind == TREE_FILE &&
            size_of(snapshot, git_tree_entry_id(entry), name, &out->size, err) < 0)
            return -1;
    }
    return 0;
}

static int view_list(struct tree *tree, const char *path, struct vec *entries, struct error *err)
{
    struct gitsnapshot *snapshot = snapshot_of(tree);
    git_tree_entry *entry = NULL;
    git_tree *folder = NULL;
    if (*path == '\0')
        return list_tree(snapshot, snapshot->root, path, entries, err);
    if (find(snapshot, path, &entry, err) < 0)
        return -1;
    if (git_tree_entry_type(entry) != GIT_OBJECT_TREE) {
        git_tree_entry_free(entry);
        return error_set(err, ERROR_INVALID, "%s is not a folder", path);
    }
    int result = git_tree_lookup(&folder, snapshot->repository, git_tree_entry_id(entry));
    git_tree_entry_free(entry);
    if (result < 0)
        return object_failed(snapshot, result, path, err);
    result = list_tree(snapshot, folder, path, entries, err);
    git_tree_free(folder);
    return result;
}

static void view_free(struct tree *tree)
{
    (void)tree; // it is part of the snapshot
}

static const struct tree_ops view_ops = {
    .lookup = view_lookup,
    .read_link = view_read_link,
    .read = view_read,
    .list = view_list,
    .free = view_free,
};

static int open_commit(struct gitsnapshot *snapshot, const char *id, struct error *err)
{
    git_oid oid;
    git_object *object = NULL;
    int result = git_oid_fromstr(&oid, id);
    if (result == 0)
        result = git_object_lookup(&object, snapshot->repository, &oid, GIT_OBJECT_ANY);
    if (result == GIT_ENOTFOUND && snapshot->store == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the repository has no commit %s", id);
    if (result < 0)
        return object_failed(snapshot, result, "the commit", err);
    if (git_object_type(object) != GIT_OBJECT_COMMIT) {
        git_object_free(object);
        return error_set(err, ERROR_INVALID,
                         "%s is not a commit; name a branch, or a tag that points to a commit", id);
    }
    snapshot->commit = (git_commit *)object;
    result = git_commit_tree(&snapshot->root, snapshot->commit);
    return result < 0 ? object_failed(snapshot, result, "", err) : 0;
}

static void describe(struct gitsnapshot *snapshot)
{
    const git_signature *author = git_commit_author(snapshot->commit);
    const char *message = git_commit_message(snapshot->commit);
    size_t length = strcspn(message, "\r\n");
    snapshot->info.time_s = git_commit_time(snapshot->commit);
    snapshot->info.author_name = xstrdup(author->name);
    snapshot->info.author_email = xstrdup(author->email);
    snapshot->info.subject =
        xstrndup(message, length < MAX_SUBJECT_BYTES ? length : MAX_SUBJECT_BYTES);
}

int gitsnapshot_new(struct gitstore *store, git_repository *repository, const char *commit,
                    struct gitsnapshot **ret_snapshot, struct error *err)
{
    cleanup_gitsnapshot struct gitsnapshot *snapshot = xcalloc(1, sizeof *snapshot);
    snapshot->tree.ops = &view_ops;
    snapshot->repository = repository;
    snprintf(snapshot->info.id, sizeof snapshot->info.id, "%s", commit);
    if (store != NULL) {
        snapshot->store = gitstore_ref(store);
        int result = git_repository_wrap_odb(&snapshot->repository, gitstore_odb(store));
        if (result < 0)
            return gitlib_error(err, result, ERROR_INTERNAL, "open the local copy");
    }
    if (open_commit(snapshot, commit, err) < 0)
        return -1;
    describe(snapshot);
    *ret_snapshot = STEAL(snapshot);
    return 0;
}

void gitsnapshot_free(struct gitsnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    git_tree_free(snapshot->root);
    git_commit_free(snapshot->commit);
    git_repository_free(snapshot->repository);
    gitstore_unref(snapshot->store);
    free(snapshot->info.author_name);
    free(snapshot->info.author_email);
    free(snapshot->info.subject);
    free(snapshot);
}

void cleanup_gitsnapshot_pointer(struct gitsnapshot **snapshot)
{
    gitsnapshot_free(*snapshot);
}

const struct gitcommit *gitsnapshot_commit(const struct gitsnapshot *snapshot)
{
    return &snapshot->info;
}

struct tree *gitsnapshot_tree(struct gitsnapshot *snapshot)
{
    return &snapshot->tree;
}

int gitsnapshot_signature(struct gitsnapshot *snapshot, char **ret_signature, char **ret_payload,
                          struct error *err)
{
    git_oid oid = *git_commit_id(snapshot->commit);
    git_buf signature = GIT_BUF_INIT;
    git_buf payload = GIT_BUF_INIT;
    int result =
        git_commit_extract_signature(&signature, &payload, snapshot->repository, &oid, NULL);
    if (result == 0) {
        *ret_signature = xstrndup(signature.ptr, signature.size);
        *ret_payload = xstrndup(payload.ptr, payload.size);
    }
    git_buf_dispose(&signature);
    git_buf_dispose(&payload);
    if (result == GIT_ENOTFOUND)
        return error_set(err, ERROR_NOT_FOUND, "commit %s is not signed", snapshot->info.id);
    return result < 0 ? object_failed(snapshot, result, "the commit", err) : 0;
}
