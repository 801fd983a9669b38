// Opens kustomizations and reads the files they name, within the tree and, as kustomize does by
// default, files within the kustomization's own folder only (api/internal/loader).
#include "render/kustomize/frame.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/frame_internal.h"
#include "render/kustomize/remote_spec.h"
#include "render/remote.h"

enum {
    MAX_FRAMES = 20000,
    MAX_FRAMES_DEEP = 64,
    MAX_FILE_BYTES = 64 << 20,
    MAX_TOTAL_BYTES = 512 << 20,
    MAX_VISITS = 10000000, // 1,000 entries that each look at 10,000 objects
    MAX_PUT_BYTES = 512 << 20,
    MAX_NAME_BYTES = 4096, // Kubernetes ends at 253
    MAX_NAMES = 1000,      // of one object, one after the other
};

static const char *const file_names[] = {
    "kustomization.yaml",
    "kustomization.yml",
    "Kustomization",
};

bool kustomize_is_file_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(file_names); i++)
        if (strcmp(name, file_names[i]) == 0)
            return true;
    return false;
}

void frame_release(struct frame *frame)
{
    free(STEAL(frame->dir));
    free(STEAL(frame->origin));
    free(STEAL(frame->origin_repository));
    free(STEAL(frame->origin_ref));
    kustomization_release(&frame->kustomization);
}

// Whether `path` is `dir` or below it.
static bool is_within(const char *path, const char *dir)
{
    size_t length = strlen(dir);
    return length == 0 ||
           (strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static const char *name_of(const char *dir)
{
    return *dir != '\0' ? dir : "the root";
}

static void add_chain(struct strbuf *text, const struct frame *frame)
{
    if (frame == NULL)
        return;
    add_chain(text, frame->parent);
    cleanup_free char *name = frame_name(frame, frame->dir);
    strbuf_addf(text, "%s → ", name_of(name));
}

// A base that holds the folder of one that is being built is a circle, or would be with the next
// change.
static int check_circle(const struct frame *parent, const char *dir, struct error *err)
{
    unsigned depth = 0;
    bool same_tree = true;
    for (const struct frame *frame = parent; frame != NULL; frame = frame->parent) {
        if (++depth > MAX_FRAMES_DEEP)
            return error_set(err, ERROR_LIMIT, "more than %d kustomizations in one another",
                             MAX_FRAMES_DEEP);
        bool is_above = same_tree && is_within(frame->dir, dir);
        // What names this repository is in another tree.
        same_tree = same_tree && frame->remote_text == NULL;
        if (!is_above)
            continue;
        cleanup_strbuf struct strbuf chain;
        strbuf_init(&chain, 65536);
        add_chain(&chain, parent);
        if (strcmp(frame->dir, dir) == 0)
            return error_set(err, ERROR_INVALID, "the kustomizations form a circle: %s%s",
                             chain.data, name_of(dir));
        return error_set(err, ERROR_INVALID,
                         "the base %s contains the folder %s that it is a base of (%s%s); move one "
                         "beside the other",
                         name_of(dir), name_of(frame->dir), chain.data, name_of(dir));
    }
    return 0;
}

// What comes from elsewhere never reads outside of its folder.
static bool may_read(const struct frame *frame, const char *path)
{
    bool restricted = frame->remote != NULL || !frame->build->options->unrestricted;
    return !restricted || is_within(path, frame->dir);
}

static int find_file(const struct frame *frame, char **ret_file, struct error *err)
{
    struct tree *tree = frame->tree;
    const char *dir = frame->dir;
    cleanup_free char *found = NULL;
    cleanup_free char *outside = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(file_names); i++) {
        cleanup_free char *file = tree_join(dir, file_names[i]);
        cleanup_error struct error failure = {0};
        cleanup_free char *path = NULL;
        enum tree_kind kind = TREE_OTHER;
        if (tree_resolve(tree, file, &path, &kind, &failure) < 0) {
            if (failure.code == ERROR_NOT_FOUND)
                continue;
            return error_move(err, &failure);
        }
        if (kind != TREE_FILE)
            continue;
        if (!may_read(frame, path)) {
            free(outside);
            outside = STEAL(file);
            continue;
        }
        if (found != NULL)
            return error_set(err, ERROR_INVALID, "%s and %s are both kustomizations; keep one",
                             found, file);
        found = STEAL(file);
    }
    if (found == NULL && outside != NULL)
        return error_set(err, ERROR_DENIED,
                         "%s is a symbolic link out of its folder, and a kustomization reads files "
                         "of its own folder only; commit the file itself",
                         outside);
    if (found == NULL)
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no kustomization.yaml in %s; add one, or name its files one by "
                         "one",
                         name_of(dir));
    *ret_file = STEAL(found);
    return 0;
}

static int count_bytes(struct build *build, const char *name, size_t size, struct error *err)
{
    build->read_bytes += size;
    if (build->read_bytes > MAX_TOTAL_BYTES)
        return error_set(err, ERROR_LIMIT, "%s: more than %d MiB read for one build", name,
                         MAX_TOTAL_BYTES >> 20);
    return 0;
}

int frame_load(struct frame *frame, struct error *err)
{
    struct build *build = frame->build;
    cleanup_free char *file = NULL;
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (++build->frames > MAX_FRAMES)
        return error_set(err, ERROR_LIMIT, "more than %d kustomizations in one build", MAX_FRAMES);
    if (find_file(frame, &file, err) < 0 ||
        tree_read(frame->tree, file, MAX_FILE_BYTES, &text, &size, err) < 0 ||
        count_bytes(build, file, size, err) < 0)
        return -1;
    cleanup_free char *name = frame_name(frame, file);
    return kustomization_parse(name, text, size, &frame->kustomization, &build->warnings, err);
}

int frame_open(struct build *build, const struct frame *parent, const char *dir,
               struct frame *ret_frame, struct error *err)
{
    if (check_circle(parent, dir, err) < 0)
        return -1;
    cleanup_frame struct frame frame = {
        .build = build,
        .parent = parent,
        .tree = parent != NULL ? parent->tree : build->tree,
        .remote = parent != NULL ? parent->remote : NULL,
        .dir = xstrdup(dir),
    };
    if (frame_load(&frame, err) < 0)
        return -1;
    *ret_frame = frame;
    frame = (struct frame){0};
    return 0;
}

// As Go joins paths: ".." takes away the name before it, whatever that is and whether it exists.
// What leads out of the tree keeps its "..".
static char *join_lexically(const char *dir, const char *path)
{
    cleanup_free char *joined = tree_join(dir, path);
    cleanup_strbuf struct strbuf clean;
    strbuf_init(&clean, strlen(joined) + 1);
    for (const char *at = joined; *at != '\0';) {
        size_t length = strcspn(at, "/");
        bool is_up = length == 2 && at[0] == '.' && at[1] == '.';
        const char *slash = strrchr(clean.data, '/');
        const char *last = slash != NULL ? slash + 1 : clean.data;
        if (is_up && clean.len > 0 && strcmp(last, "..") != 0) {
            strbuf_truncate(&clean, slash != NULL ? (size_t)(slash - clean.data) : 0);
        } else if (length > 0 && !(length == 1 && *at == '.')) {
            if (clean.len > 0)
                strbuf_addch(&clean, '/');
            strbuf_add(&clean, at, length);
        }
        at += length + (at[length] == '/');
    }
    return strbuf_steal(&clean);
}

int frame_resolve(struct frame *frame, const char *path, char **ret_path, enum tree_kind *ret_kind,
                  struct error *err)
{
    cleanup_free char *joined = join_lexically(frame->dir, path);
    if (*path == '\0')
        return error_set(err, ERROR_INVALID, "the path is empty; name a file or a folder");
    if (*path == '/')
        return error_set(err, ERROR_DENIED,
                         "%s is an absolute path; write it relative to the kustomization", path);
    if (tree_resolve(frame->tree, joined, ret_path, ret_kind, err) < 0)
        return tree_say_missing(frame->tree, joined, err);
    return 0;
}

static int read_remote(struct frame *frame, const char *url, char **ret_data, size_t *ret_size,
                       char **ret_path, struct error *err)
{
    const struct remote *remote = NULL;
    bool missing = false;
    if (frame_fetch_file(frame, url, false, &remote, &missing, err) < 0 ||
        count_bytes(frame->build, remote->name, remote->size, err) < 0)
        return -1;
    *ret_data = xmemdup(remote->data, remote->size + 1);
    *ret_size = remote->size;
    if (ret_path != NULL)
        *ret_path = xstrdup(remote->name);
    return 0;
}

int frame_read_resolved(struct frame *frame, const char *resolved, char **ret_data,
                        size_t *ret_size, char **ret_path, struct error *err)
{
    if (!may_read(frame, resolved))
        return error_set(err, ERROR_DENIED,
                         "%s is outside of %s, and a kustomization reads files of its own folder "
                         "only; move it there, or make it a base of its own",
                         resolved, name_of(frame->dir));
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (tree_read_resolved(frame->tree, resolved, MAX_FILE_BYTES, &data, &size, err) < 0 ||
        count_bytes(frame->build, resolved, size, err) < 0)
        return -1;
    *ret_data = STEAL(data);
    *ret_size = size;
    if (ret_path != NULL)
        *ret_path = frame_name(frame, resolved);
    return 0;
}

int frame_read(struct frame *frame, const char *path, char **ret_data, size_t *ret_size,
               char **ret_path, struct error *err)
{
    cleanup_free char *resolved = NULL;
    enum tree_kind kind = TREE_OTHER;
    if (remote_is_file_url(path))
        return read_remote(frame, path, ret_data, ret_size, ret_path, err);
    if (frame_resolve(frame, path, &resolved, &kind, err) < 0)
        return -1;
    if (kind != TREE_FILE)
        return error_set(err, ERROR_INVALID, "%s is not a file", resolved);
    return frame_read_resolved(frame, resolved, ret_data, ret_size, ret_path, err);
}

int frame_count(struct frame *frame, size_t visits, size_t bytes, struct error *err)
{
    struct build *build = frame->build;
    build->visits += visits;
    build->put_bytes += bytes;
    if (build->visits > MAX_VISITS)
        return error_set(err, ERROR_LIMIT,
                         "entries of the kustomizations look at objects more than %d times in one "
                         "build; put them into the bases that they are meant for",
                         MAX_VISITS);
    if (build->put_bytes > MAX_PUT_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "entries of the kustomizations put more than %d MiB into objects in one "
                         "build",
                         MAX_PUT_BYTES >> 20);
    return 0;
}

int frame_count_names(struct frame *frame, const struct resmap *map, struct error *err)
{
    size_t bytes = 0;
    resmap_foreach (resource, map) {
        size_t length = strlen(resource_name(resource));
        if (length > MAX_NAME_BYTES || resource_past_count(resource) > MAX_NAMES)
            return error_set(err, ERROR_LIMIT,
                             "%s \"%.40s…\" has a name of more than %d bytes, or had more than "
                             "%d names",
                             resource_kind(resource), resource_name(resource), MAX_NAME_BYTES,
                             MAX_NAMES);
        bytes += length;
    }
    return frame_count(frame, map->list.len, bytes, err);
}

void frame_warn(struct frame *frame, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *sentence = xvasprintf(format, args);
    va_end(args);
    cleanup_free char *warning = xasprintf("%s: %s", frame->kustomization.file, sentence);
    vec_foreach (char *, said, &frame->build->warnings)
        if (strcmp(*said, warning) == 0)
            return;
    *(char **)vec_push(&frame->build->warnings) = STEAL(warning);
}
