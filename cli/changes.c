#include "cli/changes.h"

#include "base/jval.h"
#include "oci/artifact.h"

#include <string.h>

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct oci_file *)a)->path, ((const struct oci_file *)b)->path);
}

void changes_sort(struct vec *files)
{
    vec_sort(files, compare_files);
}

static void add_change(json_t *changes, const char *path, const char *change)
{
    json_t *entry = json_object();
    jval_set_string(entry, "path", path);
    jval_set_string(entry, "change", change);
    json_array_append_new(changes, entry);
}

json_t *changes_list(const struct vec *before, const struct vec *after)
{
    json_t *changes = json_array();
    size_t left = 0;
    size_t right = 0;
    while (left < before->len || right < after->len) {
        const struct oci_file *a = left < before->len ? vec_at(before, left) : NULL;
        const struct oci_file *b = right < after->len ? vec_at(after, right) : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->path, b->path);
        if (a != NULL && order < 0)
            add_change(changes, a->path, "removed");
        else if (b != NULL && order > 0)
            add_change(changes, b->path, "added");
        else if (a != NULL && b != NULL &&
                 (a->size != b->size || memcmp(a->data, b->data, a->size) != 0))
            add_change(changes, a->path, "changed");
        left += order <= 0;
        right += order >= 0;
    }
    return changes;
}
