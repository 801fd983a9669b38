// Layout Pods: one static Pod a file. A Pod that cannot be written fails alone; then nothing is
// removed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_flat_internal.h"

static int remove_file(int root, const char *name, struct error *err)
{
    if (unlinkat(root, name, 0) < 0 && errno != ENOENT)
        return error_errno(err, errno, "remove %s", name);
    return 0;
}

static int sync_folder(const struct directory *directory, int root, struct error *err)
{
    return fsync(root) < 0 ? error_errno(err, errno, "fsync folder %s", directory->path) : 0;
}

static int pods_entries(const struct directory *directory, const struct target_request *request,
                        struct vec *entries, struct error *err)
{
    for (size_t i = 0; i < request->n; i++) {
        const struct target_object *object = &request->objects[i];
        if (strcmp(object->kind, "Pod") != 0 || (object->group != NULL && *object->group != '\0'))
            return error_set(err, ERROR_INVALID,
                             "%s: a %s cannot be a static Pod; layout Pods takes Pods only, "
                             "OneFile and Tree take all kinds",
                             object->path, object->kind);
        cleanup_free char *part = directory_flat_pod_part(object->name);
        cleanup_free char *name = directory_flat_pod_file(directory, part);
        if (directory_check_path(name, err) < 0)
            return -1;
        directory_flat_expect(entries, name, object->bytes, object->size);
        ((struct directory_entry *)vec_at(entries, entries->len - 1))->object = object->path;
    }
    vec_sort(entries, directory_entry_compare);
    for (size_t i = 1; i < entries->len; i++) {
        const struct directory_entry *one = vec_at(entries, i - 1);
        const struct directory_entry *two = vec_at(entries, i);
        if (strcmp(one->path, two->path) == 0)
            return error_set(err, ERROR_INVALID,
                             "%s and %s: a node runs one static Pod of a name; rename one of them",
                             one->object, two->object);
    }
    return 0;
}

static void pods_candidates(const struct directory *directory, const struct target_request *request,
                            int root, const struct vec *entries, struct vec *results)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    directory_flat_list(directory, root, false, &names);
    cleanup_cursor struct directory_cursor cursor = {.root = root, .fd = -1};
    vec_foreach (char *, name, &names) {
        cleanup_free char *yaml = NULL;
        size_t size = 0;
        if (directory_entry_find(entries, *name) != NULL)
            continue;
        // One that cannot be read has no annotation to protect it.
        if (directory_read(&cursor, *name, &yaml, &size, NULL) < 0)
            yaml = NULL;
        directory_add_result(results, *name, directory_prune_action(request, yaml, size));
    }
}

static int pods_compare(struct directory *directory, const struct target_request *request, int root,
                        struct vec *entries, struct vec *results, struct error *err)
{
    cleanup_cursor struct directory_cursor cursor = {.root = root, .fd = -1};
    vec_foreach (struct directory_entry, entry, entries) {
        if (cancel_check(request->cancel, err) < 0)
            return -1;
        enum directory_match match =
            root >= 0 ? directory_match(&cursor, entry) : DIRECTORY_MISSING;
        entry->in_place = match == DIRECTORY_SAME;
        enum target_action action = match == DIRECTORY_MISSING ? TARGET_CREATE : TARGET_UPDATE;
        directory_add_result(results, entry->object, entry->in_place ? TARGET_UNCHANGED : action);
    }
    if (root >= 0)
        pods_candidates(directory, request, root, entries, results);
    return 0;
}

static int pods_look(struct directory *directory, const struct target_request *request,
                     struct vec *ret_results, struct error *err)
{
    cleanup_vec struct vec entries = DIRECTORY_ENTRIES;
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_fd int root = -1;
    if (pods_entries(directory, request, &entries, err) < 0 ||
        directory_flat_open(directory, false, &root, err) < 0 ||
        pods_compare(directory, request, root, &entries, &results, err) < 0)
        return -1;
    directory_flat_drop(&results, TARGET_UNCHANGED);
    directory_flat_hand_over(&results, ret_results);
    return 0;
}

static int pods_plan(struct target *target, const struct target_request *request,
                     struct vec *ret_results, struct error *err)
{
    return pods_look(directory_of(target), request, ret_results, err);
}

static int pods_prune_candidates(struct target *target, const struct target_request *request,
                                 struct vec *ret_results, struct error *err)
{
    if (pods_look(directory_of(target), request, ret_results, err) < 0)
        return -1;
    directory_flat_drop(ret_results, TARGET_CREATE);
    directory_flat_drop(ret_results, TARGET_UPDATE);
    return 0;
}

// The results stand in the order of the entries, and after them the candidates for pruning.
static void pods_write(const struct directory *directory, int root, const struct vec *entries,
                       struct vec *results)
{
    bool failed = false;
    for (size_t i = 0; i < results->len; i++) {
        struct target_result *result = vec_at(results, i);
        if (i < entries->len) {
            const struct directory_entry *entry = vec_at(entries, i);
            if (!entry->in_place && directory_flat_write(directory, entry->path, entry->bytes,
                                                         entry->size, &result->error) < 0)
                failed = true;
        } else if (result->action == TARGET_PRUNE && failed) {
            error_set(&result->error, ERROR_UNAVAILABLE,
                      "not removed, because not every Pod could be written");
        } else if (result->action == TARGET_PRUNE) {
            (void)!remove_file(root, result->path, &result->error);
        }
    }
}

static int pods_apply_in(struct directory *directory, const struct target_request *request,
                         struct vec *ret_results, struct error *err)
{
    cleanup_vec struct vec entries = DIRECTORY_ENTRIES;
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_fd int root = -1;
    if (pods_entries(directory, request, &entries, err) < 0 ||
        directory_flat_open(directory, true, &root, err) < 0)
        return -1;
    directory_flat_watch(directory);
    directory_flat_clean(directory, root);
    if (pods_compare(directory, request, root, &entries, &results, err) < 0)
        return -1;
    pods_write(directory, root, &entries, &results);
    if (sync_folder(directory, root, err) < 0)
        return -1;
    // What is kept is expected too, as it stands.
    vec_foreach (struct target_result, result, &results) {
        cleanup_free char *yaml = NULL;
        size_t size = 0;
        cleanup_cursor struct directory_cursor cursor = {.root = root, .fd = -1};
        if (result->action == TARGET_KEEP &&
            directory_read(&cursor, result->path, &yaml, &size, NULL) == 0)
            directory_flat_expect(&entries, result->path, yaml, size);
    }
    vec_sort(&entries, directory_entry_compare);
    directory_expect(directory, &entries);
    directory_flat_hand_over(&results, ret_results);
    return 0;
}

static int pods_apply(struct target *target, const struct target_request *request,
                      struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    directory_set_working(directory, true);
    int result = pods_apply_in(directory, request, ret_results, err);
    directory_set_working(directory, false);
    return result;
}

static int pods_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                           struct error *err)
{
    struct directory *directory = directory_of(target);
    cleanup_vec struct vec results = TARGET_RESULTS;
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    cleanup_fd int root = -1;
    directory_expect_nothing(directory);
    directory_watch_keep(directory, directory_watch_begin(directory));
    cleanup_error struct error failure = {0};
    if (cancel_check(cancel, err) < 0)
        return -1;
    if (directory_flat_open(directory, false, &root, &failure) < 0)
        return directory_flat_gone(&failure, err);
    directory_flat_list(directory, root, false, &names);
    vec_foreach (char *, name, &names) {
        struct target_result *result = directory_add_result(&results, *name, TARGET_PRUNE);
        (void)!remove_file(root, *name, &result->error);
    }
    if (root >= 0) {
        directory_flat_clean(directory, root);
        if (sync_folder(directory, root, err) < 0)
            return -1;
    }
    directory_flat_hand_over(&results, ret_results);
    return 0;
}

const struct target_ops directory_pods_ops = {
    .plan = pods_plan,
    .apply = pods_apply,
    .prune_candidates = pods_prune_candidates,
    .remove_all = pods_remove_all,
    .health = directory_health,
    .watch = directory_watch,
    .free = directory_free,
};
