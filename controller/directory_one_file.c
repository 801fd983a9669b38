// Layout OneFile: all objects in one multi-document file among others, each under a comment that
// names it, so that the file itself tells what it held before.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_flat_internal.h"

static const char section_mark[] = "---\n# Object: ";

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
        .name = directory_flat_one_file(directory),
        .root = -1,
        .old = VEC_OF(struct section, release_section),
        .wanted = VEC_OF(struct section, release_section),
        .results = TARGET_RESULTS,
    };
    if (directory_flat_open(directory, applying, &work->root, err) < 0 ||
        cancel_check(request->cancel, err) < 0)
        return -1;
    if (applying)
        directory_flat_watch(directory);
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

static int one_file_plan(struct target *target, const struct target_request *request,
                         struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    if (compare_one_file(&work, directory, request, false, err) < 0)
        return -1;
    directory_flat_drop(&work.results, TARGET_UNCHANGED);
    // Only what stands around the objects, or the mode, changed.
    if (work.results.len == 0 && !one_file_in_place(&work))
        directory_add_result(&work.results, work.name, TARGET_UPDATE);
    directory_flat_hand_over(&work.results, ret_results);
    return 0;
}

static int one_file_prune_candidates(struct target *target, const struct target_request *request,
                                     struct vec *ret_results, struct error *err)
{
    __attribute__((cleanup(one_file_release))) struct one_file_work work;
    if (compare_one_file(&work, directory_of(target), request, false, err) < 0)
        return -1;
    directory_flat_drop(&work.results, TARGET_UNCHANGED);
    directory_flat_drop(&work.results, TARGET_CREATE);
    directory_flat_drop(&work.results, TARGET_UPDATE);
    directory_flat_hand_over(&work.results, ret_results);
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
        directory_flat_clean(directory, work.root);
    if (result == 0 && !one_file_in_place(&work))
        result =
            directory_flat_write(directory, work.name, work.content.data, work.content.len, err);
    if (result == 0) {
        struct vec entries = DIRECTORY_ENTRIES;
        directory_flat_expect(&entries, work.name, work.content.data, work.content.len);
        directory_expect(directory, &entries);
        directory_flat_hand_over(&work.results, ret_results);
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
    cleanup_error struct error failure = {0};
    if (compare_one_file(&work, directory, &nothing, false, &failure) < 0)
        return directory_flat_gone(&failure, err);
    vec_foreach (struct target_result, result, &work.results)
        result->action = TARGET_PRUNE;
    // An empty document, not no file: k3s prunes what a file no longer names, and forgets what a
    // missing file named.
    static const char empty[] = "# The sealift Sync that kept this file was deleted.\n---\n";
    if (work.text != NULL &&
        directory_flat_write(directory, work.name, empty, sizeof empty - 1, err) < 0)
        return -1;
    if (work.root >= 0)
        directory_flat_clean(directory, work.root);
    directory_flat_hand_over(&work.results, ret_results);
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
