// Layouts OneFile (k3s, RKE2: one multi-document file among others) and Pods (kubelet: flat, one
// Pod a file). Files appear by rename, and what did not change is not written, because their
// readers act on every write.
//
//     sealift-<namespace>-<sync, dots as dashes>-<8 hex of sha256("namespace/sync")>.yaml
//     sealift-<namespace>-<sync>-<pod>-<8 hex of sha256("namespace/sync/pod")>.yaml
//
// The hash tells our files from those of a Sync whose name begins like ours, without any list.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_internal.h"

enum {
    HASH_DIGITS = 8,
    MAX_PREFIX = 120, // with MAX_POD and the rest below NAME_MAX, a temporary name included
    MAX_POD = 100,
};

static const char section_mark[] = "---\n# Object: ";

// ---- names ----

static char *hash_of(const char *text)
{
    unsigned char hash[SHA256_SIZE];
    sha256(text, strlen(text), hash);
    return hex_encode(hash, HASH_DIGITS / 2);
}

char *directory_flat_prefix(const char *owner)
{
    cleanup_free char *name = xstrndup(owner, MAX_PREFIX);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/' || *at == '.')
            *at = '-';
    return xasprintf("sealift-%s-", name);
}

static char *one_file_name(const struct directory *directory)
{
    cleanup_free char *hash = hash_of(directory->owner);
    return xasprintf("%s%s.yaml", directory->prefix, hash);
}

// A Pod's name as it stands in the file's name: long ones are cut and end in their hash.
static char *pod_part(const char *name)
{
    if (strlen(name) <= MAX_POD)
        return xstrdup(name);
    cleanup_free char *hash = hash_of(name);
    return xasprintf("%.*s-%s", MAX_POD - 1 - HASH_DIGITS, name, hash);
}

static char *pod_file_of_part(const struct directory *directory, const char *part)
{
    cleanup_free char *hashed = xasprintf("%s/%s", directory->owner, part);
    cleanup_free char *hash = hash_of(hashed);
    return xasprintf("%s%s-%s.yaml", directory->prefix, part, hash);
}

bool directory_flat_is_ours(const struct directory *directory, const char *name)
{
    if (directory->layout == DIRECTORY_ONE_FILE) {
        cleanup_free char *file = one_file_name(directory);
        return strcmp(name, file) == 0;
    }
    size_t prefix = strlen(directory->prefix);
    size_t suffix = 1 + HASH_DIGITS + strlen(".yaml");
    size_t length = strlen(name);
    if (length <= prefix + suffix || strncmp(name, directory->prefix, prefix) != 0)
        return false;
    cleanup_free char *part = xstrndup(name + prefix, length - prefix - suffix);
    cleanup_free char *file = pod_file_of_part(directory, part);
    return strcmp(name, file) == 0;
}

// ---- the folder ----

static int open_folder(struct directory *directory, bool create, int *ret_fd, struct error *err)
{
    enum directory_state state;
    int fd = -1;
    if (directory_examine(directory, &state, &fd, err) < 0)
        return -1;
    if (fd < 0 && create) {
        if (file_make_dirs(directory->path, err) < 0)
            return -1;
        fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return error_errno(err, errno, "open folder %s", directory->path);
    }
    *ret_fd = fd;
    return 0;
}

// The names in the folder that are ours; with `temporary`, what an interrupted write left instead
// (".<name>.XXXXXX"). Sorted.
static void list_ours(const struct directory *directory, int root, bool temporary,
                      struct vec *names)
{
    static const size_t random_part = 7;
    int fd = root >= 0 ? openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *found; dir != NULL && (found = readdir(dir)) != NULL;) {
        size_t length = strlen(found->d_name);
        cleanup_free char *name = xstrdup(found->d_name);
        if (temporary) {
            if (*name != '.' || length <= random_part + 1)
                continue;
            free(name);
            name = xstrndup(found->d_name + 1, length - 1 - random_part);
        }
        if (directory_flat_is_ours(directory, name))
            vec_push_string(names, found->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    vec_sort(names, vec_compare_strings);
}

static void remove_leftovers(const struct directory *directory, int root)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    list_ours(directory, root, true, &names);
    vec_foreach (char *, name, &names) {
        // What cannot be removed is in nobody's way: no reader takes a name with a dot in front.
        (void)unlinkat(root, *name, 0);
    }
}

static void watch(struct directory *directory)
{
    directory_watch_folder(directory, directory->path, "", directory->watch_generation);
    directory_watch_parent(directory, directory->watch_generation);
}

static void expect_file(struct vec *entries, const char *name, const char *bytes, size_t size)
{
    struct directory_entry *entry = vec_push(entries);
    entry->path = xstrdup(name);
    entry->bytes = bytes;
    entry->size = size;
    sha256(bytes, size, entry->hash);
}

static int write_file(const struct directory *directory, const char *name, const char *bytes,
                      size_t size, struct error *err)
{
    cleanup_free char *path = path_join(directory->path, name);
    return file_write_atomic(path, bytes, size, DIRECTORY_FILE_MODE, err);
}

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

// ---- OneFile ----

// One object in the file.
struct section {
    char *path;
    const char *bytes; // borrowed from the file's text or the request
    size_t size;
};

static void release_section(void *element)
{
    free(((struct section *)element)->path);
}

static int compare_sections(const void *a, const void *b)
{
    return strcmp(((const struct section *)a)->path, ((const struct section *)b)->path);
}

// Where the next section's mark begins at a line's start, or the end.
static const char *next_section(const char *text)
{
    if (strncmp(text, section_mark, sizeof section_mark - 1) == 0)
        return text;
    for (const char *at = text; (at = strstr(at, section_mark)) != NULL; at++)
        if (at[-1] == '\n')
            return at;
    return text + strlen(text);
}

static void read_sections(const char *text, struct vec *sections)
{
    for (const char *at = next_section(text); *at != '\0';) {
        const char *path = at + sizeof section_mark - 1;
        size_t path_length = strcspn(path, "\n");
        const char *bytes = path + path_length + (path[path_length] == '\n');
        const char *end = next_section(bytes);
        *(struct section *)vec_push(sections) =
            (struct section){xstrndup(path, path_length), bytes, (size_t)(end - bytes)};
        at = end;
    }
    vec_sort(sections, compare_sections);
}

struct one_file_work {
    char *name;
    int root;
    char *text; // of the file now; NULL when there is none
    size_t size;
    struct vec old;    // struct section
    struct vec wanted; // struct section
    struct strbuf content;
    struct vec results;
};

static void one_file_release(struct one_file_work *work)
{
    if (work->root >= 0)
        close(work->root);
    free(work->name);
    free(work->text);
    vec_free(&work->old);
    vec_free(&work->wanted);
    vec_free(&work->results);
    strbuf_release(&work->content);
}

static bool same_bytes(const struct section *old, const struct section *wanted)
{
    // A newline was added where the object had none.
    size_t size = wanted->size;
    bool added = size == 0 || wanted->bytes[size - 1] != '\n';
    return old->size == size + added && memcmp(old->bytes, wanted->bytes, size) == 0;
}

static int compare_objects(struct one_file_work *work, const struct target_request *request,
                           struct error *err)
{
    for (size_t i = 0; i < request->n; i++) {
        const struct target_object *object = &request->objects[i];
        if (directory_check_path(object->path, err) < 0)
            return -1;
        struct section *wanted = vec_push(&work->wanted);
        *wanted = (struct section){xstrdup(object->path), object->bytes, object->size};
        const struct section *old = vec_find(&work->old, wanted, compare_sections);
        enum target_action action = old == NULL ? TARGET_CREATE : TARGET_UPDATE;
        if (old != NULL && same_bytes(old, wanted))
            action = TARGET_UNCHANGED;
        directory_add_result(&work->results, object->path, action);
    }
    size_t objects = work->wanted.len;
    vec_foreach (struct section, old, &work->old) {
        struct vec known = {
            .data = work->wanted.data, .len = objects, .element_size = work->wanted.element_size};
        if (vec_find(&known, old, compare_sections) != NULL)
            continue;
        enum target_action action = directory_prune_action(request, old->bytes, old->size);
        directory_add_result(&work->results, old->path, action);
        if (action == TARGET_KEEP)
            *(struct section *)vec_push(&work->wanted) =
                (struct section){xstrdup(old->path), old->bytes, old->size};
    }
    vec_sort(&work->wanted, compare_sections);
    return 0;
}

static int compose(struct one_file_work *work, const struct directory *directory,
                   const struct target_request *request, struct error *err)
{
    struct strbuf *content = &work->content;
    strbuf_init(content, DIRECTORY_MAX_FILE);
    strbuf_addf(content, "# The sealift Sync %s keeps this file: changes by hand are undone.\n",
                directory->owner);
    if (request->revision != NULL)
        strbuf_addf(content, "# Revision: %s\n", request->revision);
    vec_foreach (struct section, section, &work->wanted) {
        strbuf_addf(content, "%s%s\n", section_mark, section->path);
        strbuf_add(content, section->bytes, section->size);
        if (section->size == 0 || section->bytes[section->size - 1] != '\n')
            strbuf_addch(content, '\n');
    }
    return strbuf_check(content, "the file of all objects", err);
}

static int compare_one_file(struct one_file_work *work, struct directory *directory,
                            const struct target_request *request, bool applying, struct error *err)
{
    *work = (struct one_file_work){
        .name = one_file_name(directory),
        .root = -1,
        .old = VEC_OF(struct section, release_section),
        .wanted = VEC_OF(struct section, release_section),
        .results = TARGET_RESULTS,
    };
    if (open_folder(directory, applying, &work->root, err) < 0 ||
        cancel_check(request->cancel, err) < 0)
        return -1;
    if (applying)
        watch(directory);
    struct directory_cursor cursor = {.root = work->root, .fd = -1};
    // What cannot be read is no file of ours any more: it is replaced.
    if (work->root >= 0 &&
        directory_read(&cursor, work->name, &work->text, &work->size, NULL) == 0 &&
        memchr(work->text, '\0', work->size) == NULL)
        read_sections(work->text, &work->old);
    directory_cursor_release(&cursor);
    if (compare_objects(work, request, err) < 0)
        return -1;
    return compose(work, directory, request, err);
}

// Whether the file on disk is, to the byte and the mode, what it should be.
static bool one_file_in_place(const struct one_file_work *work)
{
    struct stat st;
    return work->text != NULL && work->size == work->content.len &&
           memcmp(work->text, work->content.data, work->size) == 0 &&
           fstatat(work->root, work->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mode == (S_IFREG | DIRECTORY_FILE_MODE);
}

static void drop_results(struct vec *results, enum target_action action)
{
    for (size_t i = results->len; i > 0; i--)
        if (((struct target_result *)vec_at(results, i - 1))->action == action)
            vec_remove(results, i - 1);
}

static void hand_over(struct vec *from, struct vec *ret_results)
{
    *ret_results = *from;
    *from = TARGET_RESULTS;
}

static int one_file_plan(struct target *target, const struct target_request *request,
                         struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    if (compare_one_file(&work, directory, request, false, err) < 0)
        return -1;
    drop_results(&work.results, TARGET_UNCHANGED);
    // Only what stands around the objects, or the mode, changed.
    if (work.results.len == 0 && !one_file_in_place(&work))
        directory_add_result(&work.results, work.name, TARGET_UPDATE);
    hand_over(&work.results, ret_results);
    return 0;
}

static int one_file_prune_candidates(struct target *target, const struct target_request *request,
                                     struct vec *ret_results, struct error *err)
{
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    if (compare_one_file(&work, directory_of(target), request, false, err) < 0)
        return -1;
    drop_results(&work.results, TARGET_UNCHANGED);
    drop_results(&work.results, TARGET_CREATE);
    drop_results(&work.results, TARGET_UPDATE);
    hand_over(&work.results, ret_results);
    return 0;
}

static int one_file_apply(struct target *target, const struct target_request *request,
                          struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    directory_set_working(directory, true);
    int result = compare_one_file(&work, directory, request, true, err);
    if (result == 0)
        remove_leftovers(directory, work.root);
    if (result == 0 && !one_file_in_place(&work))
        result = write_file(directory, work.name, work.content.data, work.content.len, err);
    if (result == 0) {
        struct vec entries = DIRECTORY_ENTRIES;
        expect_file(&entries, work.name, work.content.data, work.content.len);
        directory_expect(directory, &entries);
        hand_over(&work.results, ret_results);
    }
    directory_set_working(directory, false);
    return result;
}

static int one_file_remove_all(struct target *target, struct cancel *cancel,
                               struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    const struct target_request nothing = {.prune = true, .cancel = cancel};
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    directory_expect_nothing(directory);
    directory_watch_keep(directory, directory_watch_begin(directory));
    if (compare_one_file(&work, directory, &nothing, false, err) < 0)
        return -1;
    vec_foreach (struct target_result, result, &work.results)
        result->action = TARGET_PRUNE;
    // An empty document, not no file: k3s prunes what a file no longer names, and forgets what a
    // missing file named.
    static const char empty[] = "# The sealift Sync that kept this file was deleted.\n---\n";
    if (work.text != NULL && write_file(directory, work.name, empty, sizeof empty - 1, err) < 0)
        return -1;
    if (work.root >= 0)
        remove_leftovers(directory, work.root);
    hand_over(&work.results, ret_results);
    return 0;
}

// ---- Pods ----

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
        cleanup_free char *part = pod_part(object->name);
        cleanup_free char *name = pod_file_of_part(directory, part);
        if (directory_check_path(name, err) < 0)
            return -1;
        expect_file(entries, name, object->bytes, object->size);
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
    list_ours(directory, root, false, &names);
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
        open_folder(directory, false, &root, err) < 0 ||
        pods_compare(directory, request, root, &entries, &results, err) < 0)
        return -1;
    drop_results(&results, TARGET_UNCHANGED);
    hand_over(&results, ret_results);
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
    drop_results(ret_results, TARGET_CREATE);
    drop_results(ret_results, TARGET_UPDATE);
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
            if (!entry->in_place &&
                write_file(directory, entry->path, entry->bytes, entry->size, &result->error) < 0)
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
        open_folder(directory, true, &root, err) < 0)
        return -1;
    watch(directory);
    remove_leftovers(directory, root);
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
            expect_file(&entries, result->path, yaml, size);
    }
    vec_sort(&entries, directory_entry_compare);
    directory_expect(directory, &entries);
    hand_over(&results, ret_results);
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
    if (cancel_check(cancel, err) < 0 || open_folder(directory, false, &root, err) < 0)
        return -1;
    list_ours(directory, root, false, &names);
    vec_foreach (char *, name, &names) {
        struct target_result *result = directory_add_result(&results, *name, TARGET_PRUNE);
        (void)!remove_file(root, *name, &result->error);
    }
    if (root >= 0) {
        remove_leftovers(directory, root);
        if (sync_folder(directory, root, err) < 0)
            return -1;
    }
    hand_over(&results, ret_results);
    return 0;
}

const struct target_ops directory_one_file_ops = {
    .plan = one_file_plan,
    .apply = one_file_apply,
    .prune_candidates = one_file_prune_candidates,
    .remove_all = one_file_remove_all,
    .health = directory_health,
    .watch = directory_watch,
    .free = directory_free,
};

const struct target_ops directory_pods_ops = {
    .plan = pods_plan,
    .apply = pods_apply,
    .prune_candidates = pods_prune_candidates,
    .remove_all = pods_remove_all,
    .health = directory_health,
    .watch = directory_watch,
    .free = directory_free,
};
