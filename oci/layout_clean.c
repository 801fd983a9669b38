// What lies in a layout and belongs to nobody: files of writers that were killed, and blobs that no
// manifest names. Both are left alone for an hour, because a push writes its blobs before it lists
// what needs them.
#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/layout_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIN_AGE_S = 3600, MAX_DEPTH = 8 };

struct sweep {
    struct oci_repository *repository;
    const char *dir;
    json_t *named;  // hex -> true
    json_t *walked; // manifests, likewise: one may be listed many times, by indexes that are, too
    size_t files;
    size_t bytes;
};

static bool is_old(const struct stat *st)
{
    int64_t now_s = clock_wall_ms(clock_system()) / 1000;
    return S_ISREG(st->st_mode) && now_s - st->st_mtime > MIN_AGE_S;
}

// Calls see for each old file of blobs/sha256.
static int each_old(const char *dir, bool (*wanted)(void *arg, const char *name),
                    void (*removed)(void *arg, const struct stat *st), void *arg, struct error *err)
{
    cleanup_free char *blobs = path_join(dir, "blobs/sha256");
    DIR *stream = opendir(blobs);
    if (stream == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s cannot be read", blobs);
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        struct stat st;
        if (wanted(arg, entry->d_name) &&
            fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_old(&st) &&
            unlinkat(dirfd(stream), entry->d_name, 0) == 0 && removed != NULL)
            removed(arg, &st);
    }
    closedir(stream);
    return 0;
}

static bool is_temporary(void *arg, const char *name)
{
    (void)arg;
    return name[0] == '.' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

void layout_remove_litter(const char *dir)
{
    // A folder that cannot be read is reported by whoever needs something in it.
    bool seen = each_old(dir, is_temporary, NULL, NULL, NULL) == 0;
    (void)seen;
}

static bool is_unnamed(void *arg, const char *name)
{
    const struct sweep *sweep = arg;
    return is_temporary(NULL, name) ||
           (strlen(name) == 2 * SHA256_SIZE && json_object_get(sweep->named, name) == NULL);
}

static void count(void *arg, const struct stat *st)
{
    struct sweep *sweep = arg;
    sweep->files++;
    sweep->bytes += (size_t)st->st_size;
}

static void name_blob(struct sweep *sweep, const struct digest *digest)
{
    json_object_set_new(sweep->named, digest_hex(digest->text), json_true());
}

// A manifest that cannot be read names what nobody knows: then nothing is removed.
static int name_parts(struct sweep *sweep, const char *digest, unsigned depth, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_error struct error cause = {0};
    if (depth > MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "indexes are nested deeper than %d levels", MAX_DEPTH);
    if (json_object_get(sweep->walked, digest_hex(digest)) != NULL)
        return 0;
    json_object_set_new(sweep->walked, digest_hex(digest), json_true());
    json_object_set_new(sweep->named, digest_hex(digest), json_true());
    if (oci_get_manifest(sweep->repository, digest, &data, &size, &manifest, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    if (!manifest.is_index)
        name_blob(sweep, &manifest.config.digest);
    vec_foreach (const struct oci_descriptor, part, &manifest.layers) {
        bool is_child = manifest.is_index && strstr(part->media_type, "+json") != NULL;
        name_blob(sweep, &part->digest);
        if (is_child && name_parts(sweep, part->digest.text, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

// Whether a blob is a manifest about something that stays, which is named then. -1 on error.
static int name_referrer(struct sweep *sweep, const char *digest, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_error struct error cause = {0};
    if (json_object_get(sweep->named, digest_hex(digest)) != NULL)
        return 0;
    if (oci_get_manifest(sweep->repository, digest, &data, &size, &manifest, &cause) < 0) {
        bool readable = cause.code == ERROR_INVALID || cause.code == ERROR_LIMIT ||
                        cause.code == ERROR_NOT_FOUND || cause.code == ERROR_UNVERIFIED;
        return readable ? 0 : error_move(err, &cause);
    }
    if (manifest.subject == NULL ||
        json_object_get(sweep->named, digest_hex(manifest.subject->digest.text)) == NULL)
        return 0;
    return name_parts(sweep, digest, 0, err) < 0 ? -1 : 1;
}

// `cosign save` lists no bundle of what it saved, nor what is attached to one.
static int name_saved(struct sweep *sweep, const json_t *index, const char *digest,
                      struct error *err)
{
    cleanup_vec struct vec blobs = VEC_OF(char *, vec_release_string);
    layout_saved_blobs(sweep->dir, index, digest, &blobs);
    if (blobs.len >= LAYOUT_MAX_SAVED)
        return error_set(err, ERROR_LIMIT,
                         "more than %d blobs, any of which may be a signature that `cosign save` "
                         "did not list; copy what is wanted into another layout",
                         LAYOUT_MAX_SAVED);
    bool found = blobs.len > 0;
    for (unsigned depth = 0; found && depth < MAX_DEPTH; depth++) {
        found = false;
        vec_foreach (char *, blob, &blobs) {
            int result = name_referrer(sweep, *blob, err);
            if (result < 0)
                return -1;
            found = found || result > 0;
        }
    }
    return 0;
}

static int sweep_locked(struct sweep *sweep, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(sweep->dir, &index, err) < 0)
        return -1;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *digest = layout_entry_digest(json_array_get(manifests, i));
        if (digest != NULL && digest_is_valid(digest) && name_parts(sweep, digest, 0, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *digest = layout_entry_digest(json_array_get(manifests, i));
        if (digest != NULL && digest_is_valid(digest) && name_saved(sweep, index, digest, err) < 0)
            return -1;
    }
    return each_old(sweep->dir, is_unnamed, count, sweep, err);
}

int layout_sweep_blobs(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                       struct error *err)
{
    cleanup_json json_t *named = json_object();
    cleanup_json json_t *walked = json_object();
    struct sweep sweep = {.repository = repository,
                          .dir = repository->reference.layout_path,
                          .named = named,
                          .walked = walked};
    cleanup_fd int lock = -1;
    if (layout_lock(sweep.dir, repository->access.cancel, &lock, err) < 0 ||
        sweep_locked(&sweep, err) < 0)
        return error_wrap(err, "clean layout %s", sweep.dir);
    *ret_files = sweep.files;
    *ret_bytes = sweep.bytes;
    return 0;
}
