// A file tree written down as one text, for tests and fuzzers:
//
//     === base/kustomization.yaml
//     resources: [web.yaml]
//     === base/link
//     -> ../elsewhere
//
// What stands behind "-> " in a file's first line makes it a symbolic link. Folders follow from the
// paths.
#ifndef TESTS_TEXT_TREE_H
#define TESTS_TEXT_TREE_H

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vec.h"
#include "render/tree.h"

struct text_file {
    char *path;
    char *data;
    size_t size;
};

struct text_tree {
    struct tree tree;
    struct vec files; // struct text_file
};

static inline void text_file_release(void *element)
{
    struct text_file *file = element;
    free(file->path);
    free(file->data);
}

static inline const struct text_file *text_tree_file(struct tree *tree, const char *path)
{
    vec_foreach (const struct text_file, file, &((struct text_tree *)tree)->files)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

static inline bool text_tree_is_folder(struct tree *tree, const char *path)
{
    size_t length = strlen(path);
    vec_foreach (const struct text_file, file, &((struct text_tree *)tree)->files)
        if (length == 0 || (strncmp(file->path, path, length) == 0 && file->path[length] == '/'))
            return true;
    return length == 0;
}

static inline int text_tree_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind,
                                   size_t *ret_size, struct error *err)
{
    const struct text_file *file = text_tree_file(tree, path);
    if (file == NULL && !text_tree_is_folder(tree, path))
        return error_set(err, ERROR_NOT_FOUND, "%s: not there", path);
    *ret_kind = file == NULL                         ? TREE_DIRECTORY
                : strncmp(file->data, "-> ", 3) == 0 ? TREE_SYMLINK
                                                     : TREE_FILE;
    *ret_size = file != NULL ? file->size : 0;
    return 0;
}

static inline int text_tree_read_link(struct tree *tree, const char *path, char **ret_target,
                                      struct error *err)
{
    (void)err;
    const char *target = text_tree_file(tree, path)->data + 3;
    size_t length = strcspn(target, "\n");
    *ret_target = xstrndup(target, length < 4000 ? length : 4000);
    return 0;
}

static inline int text_tree_read(struct tree *tree, const char *path, size_t max_bytes,
                                 char **ret_data, size_t *ret_size, struct error *err)
{
    const struct text_file *file = text_tree_file(tree, path);
    if (file->size > max_bytes)
        return error_set(err, ERROR_LIMIT, "%s: too large", path);
    *ret_data = xmemdup(file->data, file->size + 1);
    *ret_size = file->size;
    return 0;
}

static inline int text_tree_list(struct tree *tree, const char *path, struct vec *entries,
                                 struct error *err)
{
    (void)err;
    size_t length = *path != '\0' ? strlen(path) + 1 : 0;
    vec_foreach (const struct text_file, file, &((struct text_tree *)tree)->files) {
        if (length > 0 && (strncmp(file->path, path, length - 1) != 0 ||
                           strncmp(file->path + length - 1, "/", 1) != 0))
            continue;
        const char *name = file->path + length;
        size_t size = strcspn(name, "/");
        struct tree_entry *entry = vec_push(entries); // a folder once for each of its files
        entry->name = xstrndup(name, size);
        entry->kind = name[size] == '/' ? TREE_DIRECTORY : TREE_FILE;
    }
    return 0;
}

static inline void text_tree_free(struct tree *tree)
{
    vec_free(&((struct text_tree *)tree)->files);
    free(tree);
}

static inline struct tree *text_tree_new(const char *text, size_t size)
{
    static const struct tree_ops ops = {
        .lookup = text_tree_lookup,
        .read_link = text_tree_read_link,
        .read = text_tree_read,
        .list = text_tree_list,
        .free = text_tree_free,
    };
    struct text_tree *tree = xcalloc(1, sizeof *tree);
    tree->tree.ops = &ops;
    tree->files = VEC_OF(struct text_file, text_file_release);
    const char *end = text + size;
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t length = line_end != NULL ? (size_t)(line_end - text) : (size_t)(end - text);
        const char *next = line_end != NULL ? line_end + 1 : end;
        struct text_file *file = NULL;
        if (length > 4 && memcmp(text, "=== ", 4) == 0) {
            file = vec_push(&tree->files);
            *file = (struct text_file){xstrndup(text + 4, length - 4), xstrdup(""), 0};
        } else if (tree->files.len > 0) {
            file = vec_at(&tree->files, tree->files.len - 1);
            size_t more = (size_t)(next - text);
            file->data = xrealloc(file->data, file->size + more + 1);
            memcpy(file->data + file->size, text, more);
            file->size += more;
            file->data[file->size] = '\0';
        }
        text = next;
    }
    return &tree->tree;
}

#endif
