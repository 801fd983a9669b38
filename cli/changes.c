#include "cli/changes.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "oci/artifact.h"

#include <stdlib.h>
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

bool changes_next(struct changes_walk *walk, const struct oci_file **ret_before,
                  const struct oci_file **ret_after)
{
    const struct oci_file *a =
        walk->left < walk->before->len ? vec_at(walk->before, walk->left) : NULL;
    const struct oci_file *b =
        walk->right < walk->after->len ? vec_at(walk->after, walk->right) : NULL;
    if (a == NULL && b == NULL)
        return false;
    int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->path, b->path);
    *ret_before = order <= 0 ? a : NULL;
    *ret_after = order >= 0 ? b : NULL;
    walk->left += order <= 0;
    walk->right += order >= 0;
    return true;
}

json_t *changes_list(const struct vec *before, const struct vec *after)
{
    json_t *changes = json_array();
    struct changes_walk walk = {before, after, 0, 0};
    const struct oci_file *a;
    const struct oci_file *b;
    while (changes_next(&walk, &a, &b)) {
        if (b == NULL)
            add_change(changes, a->path, "removed");
        else if (a == NULL)
            add_change(changes, b->path, "added");
        else if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
            add_change(changes, a->path, "changed");
    }
    return changes;
}

void changes_write(const json_t *changes, size_t most, struct strbuf *out)
{
    size_t count = json_array_size(changes);
    size_t index;
    json_t *change;
    json_array_foreach (changes, index, change) {
        if (index == most) {
            strbuf_addf(out, "  … and %zu more\n", count - index);
            break;
        }
        cleanup_free char *object = object_path_text(jval_string(change, "path"));
        strbuf_addf(out, "  %-8s  %s\n", jval_string(change, "change"), object);
    }
}
