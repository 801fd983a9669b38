// Lists joined by keys, a close port of kyaml's associative_sequence.go and ElementSetter: what
// they do with missing, partial and doubled keys is odd, and trees depend on it. Lists whose
// elements all have one key, each another value, take a short way that costs no more than their
// length.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/strategic_merge.h"
#include "render/kustomize/strategic_merge_internal.h"

enum { MAX_IRREGULAR_ELEMENTS = 2000 }; // the long way is quadratic

// One element's values of the keys, in the order of the keys; "" where absent. Owned strings.
struct row {
    char *values[SCHEMA_MAX_KEYS];
};

static void row_release(void *element)
{
    struct row *row = element;
    for (size_t i = 0; i < SCHEMA_MAX_KEYS; i++)
        free(row->values[i]);
}
#define ROWS VEC_OF(struct row, row_release)

static bool is_empty_element(const struct value *element)
{
    return merge_is_missing(element) ||
           (value_is_object(element) && value_object_size(element) == 0);
}

static bool text_equals(const struct value *value, const char *text)
{
    if (value_is_string(value))
        return strcmp(value_string_value(value), text) == 0;
    cleanup_free char *own = yamlvalue_scalar_text(value);
    return strcmp(own, text) == 0;
}

struct value *element_find(const struct value *list, const char *const *keys, size_t key_count,
                           char *const *values)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct value *element = value_array_get(list, i);
        if (key_count == 0) {
            if (text_equals(element, values[0]))
                return element;
            continue;
        }
        size_t matches = 0;
        while (matches < key_count) {
            const struct value *value = value_object_get(element, keys[matches]);
            if (value == NULL || !text_equals(value, values[matches]))
                break;
            matches++;
        }
        if (matches == key_count)
            return element;
    }
    return NULL;
}

// Whether the element's members have the values; an empty value asks only that the member is there.
static int element_matches(const struct merge_walk *walk, const struct value *element,
                           const char *const *keys, size_t key_count, char *const *values,
                           size_t value_count, bool *ret_matches, struct error *err)
{
    *ret_matches = false;
    if (key_count == 0) {
        if (value_count == 0)
            return 0;
        if (value_is_object(element) || value_is_array(element))
            return merge_fail_kind(walk, "a scalar", element, err);
        *ret_matches = text_equals(element, values[0]);
        return 0;
    }
    if (value_count > 0 && !value_is_object(element))
        return merge_fail_kind(walk, "a mapping", element, err);
    for (size_t i = 0; i < value_count && i < key_count; i++) {
        const struct value *value = value_object_get(element, keys[i]);
        if (value == NULL || (*values[i] != '\0' && !text_equals(value, values[i])))
            return 0;
    }
    *ret_matches = value_count > 0;
    return 0;
}

int element_set(const struct merge_walk *walk, struct value *list, struct value *element,
                const char *const *keys, size_t key_count, char *const *values, size_t value_count,
                struct error *err)
{
    bool for_maps = key_count > 0 && value_count > 0 && *values[0] != '\0';
    bool found = false;
    cleanup_value struct value *kept = value_array();
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct value *old = value_array_get(list, i);
        if (is_empty_element(old))
            continue;
        bool matches = false;
        if (!for_maps || value_is_object(old))
            if (element_matches(walk, old, keys, key_count, values, value_count, &matches, err) < 0)
                return -1;
        if (!matches && (value_count > 0 || (for_maps && !value_is_object(old))))
            value_array_append(kept, old);
        if (matches && element != NULL)
            value_array_append(kept, element);
        found |= matches;
    }
    if (element != NULL && !value_is_null(element) && !found)
        value_array_append(kept, element);
    value_array_clear(list);
    value_array_extend(list, kept);
    return 0;
}

static void push_row(struct vec *rows, struct value *seen, const struct value *element,
                     const char *const *keys, size_t key_count)
{
    struct row row = {.values = {NULL}};
    size_t n = key_count == 0 ? 1 : key_count;
    cleanup_strbuf struct strbuf identity;
    strbuf_init(&identity, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        row.values[i] =
            yamlvalue_scalar_text(key_count == 0 ? element : value_object_get(element, keys[i]));
        strbuf_addf(&identity, "%zu:%s,", strlen(row.values[i]), row.values[i]);
    }
    if (value_object_get(seen, identity.data) != NULL) {
        row_release(&row);
        return;
    }
    value_object_set_new(seen, identity.data, value_true());
    *(struct row *)vec_push(rows) = row;
}

// The rows of the patch, then those that only the target has.
static void collect_rows(const struct value *dest, const struct value *origin,
                         const char *const *keys, size_t key_count, struct vec *rows)
{
    cleanup_value struct value *seen = value_object();
    const struct value *lists[] = {origin, dest};
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
        for (size_t j = 0; j < value_array_size(lists[i]); j++)
            push_row(rows, seen, value_array_get(lists[i], j), keys, key_count);
}

// Two rows that agree in one key and contradict each other in none become one.
static bool join_rows(const struct row *a, const struct row *b, size_t n, struct row *ret_joined)
{
    bool common = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(a->values[i], b->values[i]) == 0) {
            common = true;
            ret_joined->values[i] = a->values[i];
            continue;
        }
        if (*a->values[i] != '\0' && *b->values[i] != '\0')
            return false;
        ret_joined->values[i] = *a->values[i] != '\0' ? a->values[i] : b->values[i];
    }
    return common;
}

static void set_row(struct row *row, const struct row *joined, size_t n)
{
    struct row copy = {.values = {NULL}};
    for (size_t i = 0; i < n; i++)
        copy.values[i] = xstrdup(joined->values[i]);
    row_release(row);
    *row = copy;
}

// The row that is compared stays as it was when its turn came.
static void merge_rows(struct vec *rows, size_t n)
{
    struct row *all = rows->data;
    for (size_t i = 0; i < rows->len; i++) {
        struct row own = {.values = {NULL}};
        set_row(&own, &all[i], n);
        for (size_t j = 0; j < rows->len; j++) {
            struct row joined = {.values = {NULL}};
            if (!join_rows(&own, &all[j], n, &joined))
                continue;
            struct row kept = {.values = {NULL}};
            set_row(&kept, &joined, n);
            set_row(&all[i], &kept, n);
            set_row(&all[j], &kept, n);
            row_release(&kept);
        }
        row_release(&own);
    }
}

// The keys that count, and a row's values of them.
struct selection {
    const char *keys[SCHEMA_MAX_KEYS];
    char *values[SCHEMA_MAX_KEYS]; // borrowed from the row
    size_t count;
};

// Keys for which `used` is set; all of them when none is.
static struct selection select_keys(const char *const *keys, size_t key_count,
                                    const struct row *row, const bool *used)
{
    bool any = false;
    for (size_t i = 0; i < key_count; i++)
        any |= used[i];
    struct selection selection = {.count = 0};
    for (size_t i = 0; i < key_count; i++)
        if (!any || used[i]) {
            selection.keys[selection.count] = keys[i];
            selection.values[selection.count++] = row->values[i];
        }
    if (key_count == 0)
        selection.values[0] = row->values[0];
    return selection;
}

static struct value *element_of_row(const struct value *list, const char *const *keys,
                                    size_t key_count, const struct row *row)
{
    bool used[SCHEMA_MAX_KEYS] = {false};
    for (size_t i = 0; i < key_count; i++)
        used[i] = *row->values[i] != '\0';
    struct selection selection = select_keys(keys, key_count, row, used);
    return element_find(list, selection.keys, selection.count, selection.values);
}

static int merge_elements(const struct merge_walk *walk, struct value *dest, struct value *origin,
                          struct value **ret_value, struct error *err)
{
    struct merge_path path = {.up = walk->path};
    struct merge_walk inner = {
        .schema = walk->schema,
        .place = schema_elements(walk->place),
        .path = &path,
    };
    return merge_walk_value(&inner, dest, origin, ret_value, err);
}

// Keys that another row brought are written into the element.
static void complete_element(struct value *element, const struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        if (value_object_get(element, selection->keys[i]) == NULL && *selection->values[i] != '\0')
            value_object_set_new(
                element, selection->keys[i],
                yamlvalue_written_put(NULL, selection->values[i], YAMLVALUE_TAG_NONE));
}

static int add_row(const struct merge_walk *walk, const char *const *keys, size_t key_count,
                   const struct row *row, const bool *used, struct value *dest,
                   struct value *origin, struct value *items, struct error *err)
{
    struct selection selection = select_keys(keys, key_count, row, used);
    size_t values = key_count == 0 ? 1 : selection.count;
    cleanup_value struct value *value = NULL;
    struct value *old = element_of_row(dest, keys, key_count, row);
    struct value *new = origin == dest ? old : element_of_row(origin, keys, key_count, row);
    // Held, because the target's list lets go of elements below.
    cleanup_value struct value *held = value_incref(old);
    (void)held;
    if (merge_elements(walk, old, new, &value, err) < 0)
        return -1;
    if (is_empty_element(value))
        return element_set(walk, dest, NULL, selection.keys, selection.count, selection.values,
                           values, err);
    if (value_is_object(value))
        complete_element(value, &selection);
    return element_set(walk, items, value, selection.keys, selection.count, selection.values,
                       values, err);
}

// appendListNode: what the target still has replaces what has the same key in items, or follows it.
static int append_rest(const struct merge_walk *walk, struct value *items, const struct value *dest,
                       const struct selection *selection, struct error *err)
{
    for (size_t i = 0; i < value_array_size(dest); i++) {
        struct value *element = value_array_get(dest, i);
        struct row row = {.values = {NULL}};
        size_t values = 0;
        int status = 0;
        if (selection->count == 0)
            row.values[values++] = yamlvalue_scalar_text(element);
        for (size_t j = 0; j < selection->count && status == 0; j++) {
            if (!merge_is_missing(element) && !value_is_object(element))
                status = merge_fail_kind(walk, "a mapping", element, err);
            const struct value *value = value_object_get(element, selection->keys[j]);
            if (merge_is_missing(value))
                value_array_append(items, element);
            else
                row.values[values++] = yamlvalue_scalar_text(value);
        }
        if (status == 0 && selection->count > 1)
            status = element_set(walk, items, NULL, selection->keys, selection->count, row.values,
                                 values, err);
        if (status == 0)
            status = element_set(walk, items, element, selection->keys, selection->count,
                                 row.values, values, err);
        row_release(&row);
        if (status < 0)
            return -1;
    }
    return 0;
}

static int walk_long(const struct merge_walk *walk, const char *const *keys, size_t key_count,
                     struct value *dest, struct value *origin, struct value **ret_value,
                     struct error *err)
{
    if (value_array_size(dest) + value_array_size(origin) > MAX_IRREGULAR_ELEMENTS)
        return merge_fail(walk, ERROR_LIMIT, err,
                          "a list of more than %d elements whose keys are missing, doubled or "
                          "several; give each element a key of its own",
                          MAX_IRREGULAR_ELEMENTS);
    cleanup_vec struct vec rows = ROWS;
    collect_rows(dest, origin, keys, key_count, &rows);
    if (key_count > 1)
        merge_rows(&rows, key_count);
    bool used[SCHEMA_MAX_KEYS] = {false};
    vec_foreach (struct row, row, &rows)
        for (size_t i = 0; i < key_count; i++)
            used[i] |= *row->values[i] != '\0';
    cleanup_value struct value *items = value_array();
    vec_foreach (struct row, row, &rows)
        if (add_row(walk, keys, key_count, row, used, dest, origin, items, err) < 0)
            return -1;
    if (rows.len == 0) {
        *ret_value = value_incref(dest);
        return 0;
    }
    struct selection selection = select_keys(keys, key_count, rows.data, used);
    if (append_rest(walk, items, dest, &selection, err) < 0)
        return -1;
    value_array_clear(dest);
    value_array_extend(dest, items);
    *ret_value = value_incref(dest);
    return 0;
}

// Fills index with "key's text" -> element. False where an element has none, or one twice and
// doubles are not allowed.
static bool index_elements(const struct value *list, const char *key, bool doubles,
                           struct value *index)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct value *element = value_array_get(list, i);
        const struct value *value = value_object_get(element, key);
        if (merge_is_missing(value))
            return false;
        cleanup_free char *text = yamlvalue_scalar_text(value);
        bool known = value_object_get(index, text) != NULL;
        if (*text == '\0' || (known && !doubles))
            return false;
        if (!known)
            value_object_set(index, text, element);
    }
    return true;
}

// Every element has the key, none of the target's twice.
static int walk_short(const struct merge_walk *walk, struct value *dest, struct value *dest_index,
                      struct value *origin_index, struct value **ret_value, struct error *err)
{
    cleanup_value struct value *items = value_array();
    const struct value *indexes[] = {origin_index, dest_index};
    for (size_t i = 0; i < ARRAY_LENGTH(indexes); i++) {
        const char *key = NULL;
        struct value *element = NULL;
        value_foreach (indexes[i], key, element) {
            if (i == 1 && value_object_get(origin_index, key) != NULL)
                continue;
            struct value *old = value_object_get(dest_index, key);
            cleanup_value struct value *value = NULL;
            if (merge_elements(walk, old, value_object_get(origin_index, key), &value, err) < 0)
                return -1;
            if (!is_empty_element(value))
                value_array_append(items, old != NULL ? old : value);
        }
    }
    value_array_clear(dest);
    value_array_extend(dest, items);
    *ret_value = value_incref(dest);
    return 0;
}

int merge_walk_keyed_list(const struct merge_walk *walk, const char *const *keys, size_t key_count,
                          struct value *dest, struct value *origin, struct value **ret_value,
                          struct error *err)
{
    if (key_count == 1) {
        cleanup_value struct value *dest_index = value_object();
        cleanup_value struct value *origin_index = value_object();
        if (index_elements(dest, keys[0], false, dest_index) &&
            (dest == origin || index_elements(origin, keys[0], true, origin_index)))
            return walk_short(walk, dest, dest_index, dest == origin ? dest_index : origin_index,
                              ret_value, err);
    }
    return walk_long(walk, keys, key_count, dest, origin, ret_value, err);
}
