// Happy path: root by root to the newest one, then timestamp, snapshot, targets, and the file. Each
// step is kept in the state folder as soon as it holds.
#include "oci/sign/tuf_update.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "oci/sign/tuf_metadata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// What sigstore's and the reference client allow.
enum {
    MAX_ROOTS = 256,
    MAX_ROOT_BYTES = 512 << 10,
    MAX_TIMESTAMP_BYTES = 16 << 10,
    MAX_SNAPSHOT_BYTES = 2000 << 10,
    MAX_TARGETS_BYTES = 5000 << 10,
    FILE_MODE = 0644,
};

static const size_t max_bytes[] = {[TUF_ROOT] = MAX_ROOT_BYTES,
                                   [TUF_TIMESTAMP] = MAX_TIMESTAMP_BYTES,
                                   [TUF_SNAPSHOT] = MAX_SNAPSHOT_BYTES,
                                   [TUF_TARGETS] = MAX_TARGETS_BYTES};

struct updater {
    const struct tuf_update *update;
    struct tuf_metadata now[4]; // by role; an empty one has no value
};

static void release_updater(struct updater *updater)
{
    for (size_t i = 0; i < ARRAY_LENGTH(updater->now); i++)
        tuf_metadata_release(&updater->now[i]);
}

void tuf_result_release(struct tuf_result *result)
{
    free(result->data);
    *result = (struct tuf_result){0};
}

static char *state_path(const struct updater *updater, enum tuf_role role)
{
    return xasprintf("%s/%s.json", updater->update->state_dir, tuf_role_name(role));
}

// Consumes metadata.
static int adopt(struct updater *updater, struct tuf_metadata *metadata, const char *text,
                 size_t size, struct error *err)
{
    enum tuf_role role = metadata->role;
    tuf_metadata_release(&updater->now[role]);
    updater->now[role] = *metadata;
    *metadata = (struct tuf_metadata){0};
    if (updater->update->state_dir == NULL)
        return 0;
    cleanup_free char *path = state_path(updater, role);
    return file_write_atomic(path, text, size, FILE_MODE, err);
}

static int check_fresh(const struct updater *updater, enum tuf_role role, struct error *err)
{
    const struct tuf_metadata *metadata = &updater->now[role];
    char expired[TIME_TEXT_SIZE];
    if (metadata->expires_ms > updater->update->now_ms)
        return 0;
    time_format(metadata->expires_ms, expired);
    return error_set(err, ERROR_UNVERIFIED,
                     "%s %" PRId64 " expired at %s: the mirror withholds what is newer, nobody "
                     "renewed it, or this clock is wrong",
                     tuf_role_name(role), metadata->version, expired);
}

// --- root
// -----------------------------------------------------------------------------------------

// The root that is kept, where it is no older than the one that is given: it was reached from one.
static int start_root(struct updater *updater, struct error *err)
{
    const struct tuf_update *update = updater->update;
    cleanup_tuf_metadata struct tuf_metadata given = {0}, kept = {0};
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (tuf_metadata_parse(update->root, update->root_size, TUF_ROOT, &given, err) < 0 ||
        tuf_metadata_verify(&given, &given, err) < 0)
        return error_wrap(err, "%s", update->root_name);
    if (update->state_dir != NULL) {
        cleanup_free char *path = state_path(updater, TUF_ROOT);
        if (file_read(path, MAX_ROOT_BYTES, &text, &size, NULL) == 0 &&
            tuf_metadata_parse(text, size, TUF_ROOT, &kept, NULL) == 0 &&
            kept.version > given.version) {
            updater->now[TUF_ROOT] = kept;
            kept = (struct tuf_metadata){0};
            return 0;
        }
    }
    if (kept.version == given.version && !json_equal(kept.signed_part, given.signed_part))
        return error_set(err, ERROR_CONFLICT,
                         "%s is another root than the one of the same version that %s was begun "
                         "with; use a state folder of its own",
                         update->root_name, update->state_dir);
    return adopt(updater, &given, update->root, update->root_size, err);
}

// 1 where there was a newer one.
static int next_root(struct updater *updater, struct error *err)
{
    const struct tuf_update *update = updater->update;
    const struct tuf_metadata *root = &updater->now[TUF_ROOT];
    cleanup_tuf_metadata struct tuf_metadata next = {0};
    cleanup_error struct error cause = {0};
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_free char *name = xasprintf("%" PRId64 ".root.json", root->version + 1);
    if (update->fetch(update->fetch_arg, name, MAX_ROOT_BYTES, &text, &size, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    if (tuf_metadata_parse(text, size, TUF_ROOT, &next, err) < 0 ||
        tuf_metadata_verify(&next, root, err) < 0 || tuf_metadata_verify(&next, &next, err) < 0)
        return error_wrap(err, "%s", name);
    if (next.version != root->version + 1)
        return error_set(err, ERROR_UNVERIFIED, "%s holds version %" PRId64, name, next.version);
    return adopt(updater, &next, text, size, err) < 0 ? -1 : 1;
}

static int update_root(struct updater *updater, struct error *err)
{
    if (start_root(updater, err) < 0)
        return -1;
    for (int i = 0; i <= MAX_ROOTS; i++) {
        int more = next_root(updater, err);
        if (more < 0)
            return -1;
        if (more == 0)
            return check_fresh(updater, TUF_ROOT, err);
    }
    return error_set(err, ERROR_LIMIT,
                     "the mirror has more than %d newer roots; start from a newer one with --root",
                     MAX_ROOTS);
}

// --- timestamp, snapshot, targets
// -----------------------------------------------------------------

// False where the newest root no longer vouches for what is kept.
static bool recall(struct updater *updater, enum tuf_role role)
{
    cleanup_tuf_metadata struct tuf_metadata kept = {0};
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_free char *path = state_path(updater, role);
    if (file_read(path, max_bytes[role], &text, &size, NULL) < 0)
        return true;
    if (tuf_metadata_parse(text, size, role, &kept, NULL) < 0 ||
        tuf_metadata_verify(&kept, &updater->now[TUF_ROOT], NULL) < 0)
        return false;
    updater->now[role] = kept;
    kept = (struct tuf_metadata){0};
    return true;
}

// What was seen last. Where the keys of one were replaced neither counts: so a repository recovers
// from version numbers that somebody who had the old keys pushed too far.
static void recall_both(struct updater *updater)
{
    if (updater->update->state_dir == NULL ||
        (recall(updater, TUF_TIMESTAMP) && recall(updater, TUF_SNAPSHOT)))
        return;
    tuf_metadata_release(&updater->now[TUF_TIMESTAMP]);
    tuf_metadata_release(&updater->now[TUF_SNAPSHOT]);
}

static int check_newer(const struct updater *updater, const struct tuf_metadata *next,
                       struct error *err)
{
    const struct tuf_metadata *before = &updater->now[next->role];
    if (before->value == NULL)
        return 0;
    if (next->version < before->version)
        return error_set(err, ERROR_UNVERIFIED,
                         "it has version %" PRId64 ", and %" PRId64
                         " was there before: somebody shows an older state",
                         next->version, before->version);
    return tuf_metadata_is_newer(next, before, err);
}

// `stated`: what the metadata above says of it; NULL for the timestamp.
static int take(struct updater *updater, enum tuf_role role, const char *name,
                const struct tuf_file *stated, struct error *err)
{
    const struct tuf_update *update = updater->update;
    cleanup_tuf_metadata struct tuf_metadata next = {0};
    cleanup_free char *text = NULL;
    size_t size = 0, most = max_bytes[role];
    if (stated != NULL && stated->length >= 0 && (uint64_t)stated->length < most)
        most = (size_t)stated->length;
    if (update->fetch(update->fetch_arg, name, most, &text, &size, err) < 0)
        return -1;
    if ((stated != NULL && tuf_file_check(stated, text, size, "it", err) < 0) ||
        tuf_metadata_parse(text, size, role, &next, err) < 0 ||
        tuf_metadata_verify(&next, &updater->now[TUF_ROOT], err) < 0)
        return -1;
    if (stated != NULL && next.version != stated->version)
        return error_set(err, ERROR_UNVERIFIED,
                         "it has version %" PRId64 ", and the metadata above it says %" PRId64
                         ": files of different states are mixed",
                         next.version, stated->version);
    if (check_newer(updater, &next, err) < 0 || adopt(updater, &next, text, size, err) < 0)
        return -1;
    return 0;
}

static int follow(struct updater *updater, enum tuf_role role, enum tuf_role above,
                  struct error *err)
{
    struct tuf_file stated = {0};
    cleanup_free char *listed = xasprintf("%s.json", tuf_role_name(role));
    cleanup_free char *name = NULL;
    if (above != TUF_ROOT && tuf_metadata_file(&updater->now[above], listed, &stated, err) < 0)
        return -1;
    bool versioned = above != TUF_ROOT && tuf_root_is_consistent(&updater->now[TUF_ROOT]);
    name = versioned ? xasprintf("%" PRId64 ".%s", stated.version, listed) : xstrdup(listed);
    if (take(updater, role, name, above != TUF_ROOT ? &stated : NULL, err) < 0)
        return error_wrap(err, "%s", name);
    return check_fresh(updater, role, err);
}

// --- the file
// -------------------------------------------------------------------------------------

static int get_target(const struct updater *updater, struct tuf_result *result, struct error *err)
{
    const struct tuf_update *update = updater->update;
    struct tuf_file file = {0};
    if (tuf_metadata_file(&updater->now[TUF_TARGETS], update->target, &file, err) < 0)
        return -1;
    if ((uint64_t)file.length > update->max_target_bytes)
        return error_set(err, ERROR_LIMIT, "%s has %" PRId64 " bytes, more than the limit of %zu",
                         update->target, file.length, update->max_target_bytes);
    const char *hash = file.sha256 != NULL ? file.sha256 : file.sha512;
    cleanup_free char *path = tuf_root_is_consistent(&updater->now[TUF_ROOT])
                                  ? xasprintf("targets/%s.%s", hash, update->target)
                                  : xasprintf("targets/%s", update->target);
    if (update->fetch(update->fetch_arg, path, (size_t)file.length, &result->data, &result->size,
                      err) < 0)
        return error_wrap(err, "%s", path);
    return tuf_file_check(&file, result->data, result->size, path, err);
}

static int run(struct updater *updater, struct tuf_result *result, struct error *err)
{
    if (update_root(updater, err) < 0)
        return -1;
    recall_both(updater);
    if (follow(updater, TUF_TIMESTAMP, TUF_ROOT, err) < 0 ||
        follow(updater, TUF_SNAPSHOT, TUF_TIMESTAMP, err) < 0 ||
        follow(updater, TUF_TARGETS, TUF_SNAPSHOT, err) < 0 || get_target(updater, result, err) < 0)
        return -1;
    result->root_version = updater->now[TUF_ROOT].version;
    result->expires_ms = updater->now[TUF_ROOT].expires_ms;
    for (size_t i = 0; i < ARRAY_LENGTH(updater->now); i++)
        if (updater->now[i].expires_ms < result->expires_ms)
            result->expires_ms = updater->now[i].expires_ms;
    return 0;
}

int tuf_update(const struct tuf_update *update, struct tuf_result *ret_result, struct error *err)
{
    __attribute__((cleanup(release_updater))) struct updater updater = {.update = update};
    cleanup_tuf_result struct tuf_result result = {0};
    if ((update->state_dir != NULL && file_make_dirs(update->state_dir, err) < 0) ||
        run(&updater, &result, err) < 0)
        return -1;
    *ret_result = result;
    result = (struct tuf_result){0};
    return 0;
}
