// Validation: one walk over the object, side by side with the rows of its kind. Each broken row or
// rule gives one sentence; the walk goes on, so that a person sees all of them at once.
#include "api/fields.h"

#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_MAX_BYTES = 4096,
    MAX_PROBLEMS = 20, // of one object; more help nobody
    MAX_SENTENCE = 2048,
};

struct walk {
    const struct kind_table *table;
    const json_t *object;
    char *subject; // "Bundle shop/web"
    struct vec *problems;
    int count;
};

static void complain(struct walk *walk, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct walk *walk, const char *path, const char *format, ...)
{
    if (walk->count++ >= MAX_PROBLEMS)
        return;
    va_list args;
    va_start(args, format);
    cleanup_free char *rest = xvasprintf(format, args);
    va_end(args);
    *(char **)vec_push(walk->problems) =
        xasprintf("%s: %s%s%s", walk->subject, path, *path != '\0' ? ": " : "", rest);
}

// Puts the nearest child of `parent` to name, or all of them, behind "… is no field of Bundle".
static void complain_unknown(struct walk *walk, const char *parent, const char *shown,
                             const char *name)
{
    const struct kind_table *table = walk->table;
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, MAX_SENTENCE);
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < table->n_fields; i++) {
        const char *child;
        if (!field_is_child(table->fields[i].path, parent, &child))
            continue;
        strbuf_addf(&all, "%s%s", all.len > 0 ? ", " : "", child);
        nearest_offer(&nearest, child);
    }
    const char *dot = *shown != '\0' ? "." : "";
    if (nearest.best != NULL)
        complain(walk, "", "%s%s%.100s is no field of %s; did you mean %s%s%s?", shown, dot, name,
                 table->kind.name, shown, dot, nearest.best);
    else
        complain(walk, "", "%s%s%.100s is no field of %s; there %s %s", shown, dot, name,
                 table->kind.name, strchr(all.data, ',') != NULL ? "are" : "is", all.data);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t size = strlen(text);
    for (const char *at = choices; at != NULL && size > 0;) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, text, size) == 0)
            return true;
        at = at[length] == '|' ? at + length + 1 : NULL;
    }
    return false;
}

// Owned; NULL where none is alike.
static char *near_choice(const char *choices, const char *text)
{
    struct nearest nearest = {.wanted = text};
    char *best = NULL;
    for (const char *at = choices; at != NULL;) {
        size_t length = strcspn(at, "|");
        cleanup_free char *choice = xstrndup(at, length);
        if (nearest_offer(&nearest, choice)) {
            free(best);
            best = STEAL(choice);
        }
        at = at[length] == '|' ? at + length + 1 : NULL;
    }
    return best;
}

static char *choices_text(const char *choices)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, MAX_SENTENCE);
    for (; *choices != '\0'; choices++)
        strbuf_add(&text, *choices == '|' ? ", " : choices, *choices == '|' ? 2 : 1);
    return strbuf_steal(&text);
}

// A value as a person wrote it, short; never that of a secret field.
static char *shown_value(const struct field *field, const json_t *value)
{
    if (field->secret || json_is_object(value) || json_is_array(value))
        return xstrdup(field->secret ? "its value" : json_is_object(value) ? "a map" : "a list");
    if (json_is_real(value))
        return xasprintf("%.15g", json_real_value(value));
    cleanup_free char *text = jval_compact(value);
    return xasprintf("%.100s%s", text, strlen(text) > 100 ? "…" : "");
}

static void complain_type(struct walk *walk, const struct field *field, const char *shown,
                          const json_t *value, const char *type)
{
    cleanup_free char *text = shown_value(field, value);
    if (strcmp(type, "string") == 0 && !field->secret && json_is_number(value))
        complain(walk, shown, "%s is a number, not a string; put it in quotes", text);
    else
        complain(walk, shown, "%s is no %s; write it like %s", text, type, field->example);
}

static void check_enum(struct walk *walk, const struct field *field, const char *shown,
                       const char *text)
{
    if (is_choice(field->choices, text))
        return;
    if (field->pending_choices != NULL && is_choice(field->pending_choices, text)) {
        complain(walk, shown, "%s is not built yet: %s", text, field->pending);
        return;
    }
    cleanup_free char *all = choices_text(field->choices);
    cleanup_free char *nearest = near_choice(field->choices, text);
    bool one = strchr(field->choices, '|') == NULL;
    if (nearest != NULL)
        complain(walk, shown, "\"%.100s\" is %s %s; did you mean %s?", text,
                 one ? "not" : "none of", all, nearest);
    else
        complain(walk, shown, "\"%.100s\" is %s %s", text, one ? "not" : "none of", all);
}

static void check_duration(struct walk *walk, const struct field *field, const char *shown,
                           const char *text)
{
    int64_t ms;
    if (duration_parse(text, &ms, NULL) < 0) {
        complain(walk, shown, "\"%.40s\" is no duration; write it like %s", text, field->example);
        return;
    }
    cleanup_free char *low = duration_format(field->min);
    cleanup_free char *high = duration_format(field->max);
    if (ms < field->min)
        complain(walk, shown, "%.40s is too short; the least is %s", text, low);
    else if (field->max > 0 && ms > field->max)
        complain(walk, shown, "%.40s is too long; the most is %s", text, high);
}

static void check_string(struct walk *walk, const struct field *field, const char *shown,
                         const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    size_t max = field->max > 0 ? (size_t)field->max : DEFAULT_MAX_BYTES;
    if (strlen(text) != size) {
        complain(walk, shown, "holds a NUL byte; take it out");
    } else if (size == 0 && !field->secret) {
        complain(walk, shown, "is empty; write it like %s%s", field->example,
                 field->required ? "" : ", or leave it out");
    } else if (size > max) {
        complain(walk, shown, "is %zu bytes long; the most is %zu", size, max);
    } else if (field->check != NULL) {
        cleanup_strbuf struct strbuf sentence;
        strbuf_init(&sentence, MAX_SENTENCE);
        if (!field->check(text, &sentence))
            complain(walk, shown, "%s", sentence.data);
    }
}

static void check_int(struct walk *walk, const struct field *field, const char *shown,
                      const json_t *value)
{
    int64_t number = json_integer_value(value);
    if (number < field->min || number > field->max)
        complain(walk, shown, "is out of range; write %lld to %lld", (long long)field->min,
                 (long long)field->max);
}

static void check_text_map(struct walk *walk, const struct field *field, const char *shown,
                           const json_t *value)
{
    const char *name;
    json_t *item;
    if (field->max > 0 && (int64_t)json_object_size(value) > field->max) {
        complain(walk, shown, "has %zu entries; the most is %lld", json_object_size(value),
                 (long long)field->max);
        return;
    }
    jval_foreach (value, name, item) {
        cleanup_free char *at = xasprintf("%s.%.100s", shown, name);
        if (!json_is_string(item)) {
            if (json_is_number(item) || json_is_boolean(item))
                complain(walk, at, "must be a string; put it in quotes");
            else
                complain(walk, at, "must be a string");
            continue;
        }
        cleanup_strbuf struct strbuf sentence;
        strbuf_init(&sentence, MAX_SENTENCE);
        if (field->check != NULL && !field->check(json_string_value(item), &sentence))
            complain(walk, at, "%s", sentence.data);
    }
}

static void check_members(struct walk *walk, const char *path, const char *shown,
                          const json_t *value);
static void check_value(struct walk *walk, const struct field *field, const char *shown,
                        const json_t *value);

static void check_unique(struct walk *walk, const char *shown, const json_t *list)
{
    cleanup_json json_t *seen = json_object();
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
        const char *text = json_string_value(name);
        if (text == NULL)
            continue;
        if (json_object_get(seen, text) != NULL)
            complain(walk, shown, "\"%.100s\" is there twice; leave one out", text);
        json_object_set_new(seen, text, json_true());
    }
}

static void check_list(struct walk *walk, const struct field *field, const char *shown,
                       const json_t *list)
{
    int64_t size = (int64_t)json_array_size(list);
    if (size < field->min) {
        complain(walk, shown, "needs at least %lld item%s; write it like %s", (long long)field->min,
                 field->min == 1 ? "" : "s", field->example);
        return;
    }
    if (field->max > 0 && size > field->max) {
        complain(walk, shown, "has %lld items; the most is %lld", (long long)size,
                 (long long)field->max);
        return;
    }
    const struct field *row = field_child(walk->table, field->path, "[]", 2);
    if (row == NULL)
        abort();
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        cleanup_free char *at = xasprintf("%s[%zu]", shown, i);
        check_value(walk, row, at, item);
    }
    if (field->unique)
        check_unique(walk, shown, list);
}

static bool has_type(const struct field *field, const json_t *value, const char **ret_name)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_ENUM:
        *ret_name = "string";
        return json_is_string(value);
    case FIELD_DURATION:
        *ret_name = "duration";
        return json_is_string(value);
    case FIELD_TIME:
        *ret_name = "time";
        return json_is_string(value);
    case FIELD_BOOL:
        *ret_name = "boolean";
        return json_is_boolean(value);
    case FIELD_INT:
        *ret_name = "whole number";
        return json_is_integer(value);
    case FIELD_OBJECT:
    case FIELD_TEXT_MAP:
        *ret_name = "map";
        return json_is_object(value);
    case FIELD_LIST:
        *ret_name = "list";
        return json_is_array(value);
    case FIELD_SCALAR:
        *ret_name = "text, number or boolean";
        return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
    case FIELD_ANY:
        break;
    }
    *ret_name = "value";
    return true;
}

static void check_typed(struct walk *walk, const struct field *field, const char *shown,
                        const json_t *value)
{
    switch (field->type) {
    case FIELD_STRING:
        check_string(walk, field, shown, value);
        break;
    case FIELD_ENUM:
        check_enum(walk, field, shown, json_string_value(value));
        break;
    case FIELD_DURATION:
        check_duration(walk, field, shown, json_string_value(value));
        break;
    case FIELD_TIME: {
        int64_t ms;
        cleanup_error struct error err = {0};
        if (time_parse(json_string_value(value), &ms, &err) < 0)
            complain(walk, shown, "%s", error_message(&err));
        break;
    }
    case FIELD_INT:
        check_int(walk, field, shown, value);
        break;
    case FIELD_OBJECT:
        check_members(walk, field->path, shown, value);
        break;
    case FIELD_TEXT_MAP:
        check_text_map(walk, field, shown, value);
        break;
    case FIELD_LIST:
        check_list(walk, field, shown, value);
        break;
    case FIELD_SCALAR:
        if (json_is_string(value))
            check_string(walk, field, shown, value);
        break;
    case FIELD_BOOL:
    case FIELD_ANY:
        break;
    }
}

static void check_value(struct walk *walk, const struct field *field, const char *shown,
                        const json_t *value)
{
    const char *type;
    if (field->pending != NULL && field->pending_choices == NULL)
        complain(walk, "", "%s is not built yet: %s", shown, field->pending);
    else if (!has_type(field, value, &type))
        complain_type(walk, field, shown, value, type);
    else
        check_typed(walk, field, shown, value);
}

static void run_rules(struct walk *walk, const char *path, const char *shown, const json_t *value)
{
    rules_foreach (walk->table, rule) {
        if (strcmp(rule->path, path) == 0 &&
            rule->broken(value, json_object_get(walk->object, "spec")))
            complain(walk, shown, "%s", rule->sentence);
    }
}

static char *join(const char *shown, const char *name)
{
    return xasprintf("%s%s%.100s", shown, *shown != '\0' ? "." : "", name);
}

static void check_members(struct walk *walk, const char *path, const char *shown,
                          const json_t *value)
{
    const char *name;
    json_t *member;
    int before = walk->count;
    jval_foreach (value, name, member) {
        cleanup_free char *at = join(shown, name);
        const struct field *field = field_child(walk->table, path, name, strlen(name));
        if (field != NULL)
            check_value(walk, field, at, member);
        else if (*path != '\0' || strcmp(name, "problem") != 0)
            complain_unknown(walk, path, shown, name);
    }
    for (size_t i = 0; i < walk->table->n_fields; i++) {
        const struct field *field = &walk->table->fields[i];
        if (!field->required || !field_is_child(field->path, path, &name) ||
            json_object_get(value, name) != NULL)
            continue;
        cleanup_free char *at = join(shown, name);
        complain(walk, at, "is missing; write it like %s", field->example);
    }
    // A rule over members that are wrong by themselves would only repeat them.
    if (walk->count == before)
        run_rules(walk, path, shown, value);
}

static void check_metadata(struct walk *walk)
{
    const struct kind *kind = &walk->table->kind;
    const json_t *metadata = json_object_get(walk->object, "metadata");
    cleanup_strbuf struct strbuf sentence;
    strbuf_init(&sentence, MAX_SENTENCE);
    const char *namespace = object_namespace(walk->object);
    if (!json_is_object(metadata) || *object_name(walk->object) == '\0')
        complain(walk, "metadata.name", "is missing; write it like shop");
    else if (!check_name(object_name(walk->object), &sentence))
        complain(walk, "metadata.name", "%s", sentence.data);
    strbuf_reset(&sentence);
    if (!kind->namespaced && json_object_get(metadata, "namespace") != NULL)
        complain(walk, "metadata.namespace", "a %s belongs to no namespace; leave it out",
                 kind->name);
    else if (*namespace != '\0' && !check_namespace(namespace, &sentence))
        complain(walk, "metadata.namespace", "%s", sentence.data);
    static const struct field texts = {.type = FIELD_TEXT_MAP};
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const json_t *map = json_object_get(metadata, maps[i]);
        cleanup_free char *at = xasprintf("metadata.%s", maps[i]);
        if (json_is_object(map))
            check_text_map(walk, &texts, at, map);
        else if (map != NULL && !json_is_null(map))
            complain(walk, at, "must be a map of strings");
    }
}

static const struct kind_table *table_of(const json_t *object, struct walk *walk)
{
    const char *kind = object_kind(object);
    const struct kind_table *table = kind_table_find(kind);
    if (table == NULL) {
        struct nearest nearest = {.wanted = kind};
        const struct kind *known;
        for (size_t i = 0; (known = kind_at(i)) != NULL; i++)
            nearest_offer(&nearest, known->name);
        if (nearest.best != NULL)
            complain(walk, "kind", "\"%.100s\" is no kind of sealift; did you mean %s?", kind,
                     nearest.best);
        else
            complain(walk, "kind",
                     "\"%.100s\" is no kind of sealift; there are Bundle, Sync, Hook, TrustPolicy, "
                     "Secret, ConfigMap and Namespace",
                     kind);
        return NULL;
    }
    const char *version = jval_string_or(object, "apiVersion", "");
    if (strcmp(version, table->kind.api_version) != 0) {
        complain(walk, "apiVersion", "\"%.100s\" is not that of a %s; write %s", version, kind,
                 table->kind.api_version);
        return NULL;
    }
    return table;
}

int api_validate(const json_t *object, struct vec *ret_problems)
{
    struct walk walk = {.object = object, .problems = ret_problems};
    if (!json_is_object(object)) {
        vec_push_string(ret_problems, "the document is no object; it needs apiVersion, kind, "
                                      "metadata and spec");
        return 1;
    }
    cleanup_free char *subject = object_text(object);
    walk.subject = subject;
    walk.table = table_of(object, &walk);
    if (walk.table != NULL) {
        check_metadata(&walk);
        check_members(&walk, "", "", object);
    }
    return walk.count;
}

int api_check(const json_t *object, struct error *err)
{
    cleanup_vec struct vec problems = VEC_OF(char *, vec_release_string);
    if (api_validate(object, &problems) == 0)
        return 0;
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, (MAX_PROBLEMS + 1) * MAX_SENTENCE);
    vec_foreach (char *, problem, &problems)
        strbuf_addf(&all, "%s%s", all.len > 0 ? "; " : "", *problem);
    return error_set(err, ERROR_INVALID, "%s", all.data);
}
