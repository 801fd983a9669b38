// YAML text to values. Happy path: libyaml's events of one document are built bottom up by a
// recursion that the depth limit bounds; an anchor remembers the finished value, an alias copies
// it and pays for every node and byte of the copy; merge keys are collected while a mapping is
// read and filled in at its end, where its own keys have won.
#include "base/yamlvalue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_internal.h"
#include "base/yamlvalue_reader_internal.h"
#include "base/yamlvalue_written.h"

enum {
    DEFAULT_DEPTH = 64,
    DEFAULT_NODES = 1000000,
    DEFAULT_DOCUMENTS = 20000,
    MAX_ALIAS_BYTES = 32 << 20, // text that aliases may add to one stream
    MAX_ALIAS_NODES = 1000000,  // and values
};

struct anchor {
    struct value *value; // owned; NULL while its node is still being read
    size_t nodes;
    size_t bytes;
};

static void anchor_release(void *anchor)
{
    value_decref(((struct anchor *)anchor)->value);
}

static int next_event(struct yamlvalue_reader *reader, struct error *err)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event) == 0)
        return yamlvalue_fail_by_parser(reader, err);
    return 0;
}

static int count_node(struct yamlvalue_reader *reader, size_t nodes, struct error *err)
{
    if (nodes > reader->limits.max_nodes - reader->nodes)
        return yamlvalue_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                              "more than %zu values, with aliases expanded",
                              reader->limits.max_nodes);
    reader->nodes += nodes;
    return 0;
}

static int parse_node(struct yamlvalue_reader *reader, struct value **ret_value, struct error *err);

// ---- anchors and aliases ----

static int anchor_begin(struct yamlvalue_reader *reader, const yaml_char_t *name, size_t *ret_place)
{
    if (name == NULL)
        return 0;
    *ret_place = reader->anchors.len;
    vec_push(&reader->anchors);
    value_object_set_new(reader->anchor_index, (const char *)name,
                         value_integer((int64_t)*ret_place));
    return 1;
}

static int alias_value(struct yamlvalue_reader *reader, struct value **ret_value, struct error *err)
{
    const char *name = (const char *)reader->event.data.alias.anchor;
    yaml_mark_t mark = reader->event.start_mark;
    const struct value *place = value_object_get(reader->anchor_index, name);
    if (place == NULL)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err, "no anchor &%s before this alias",
                              name);
    const struct anchor *anchor = vec_at(&reader->anchors, (size_t)value_integer_value(place));
    if (anchor->value == NULL)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err, "the anchor &%s contains itself",
                              name);
    if (reader->limits.as_nodes) {
        *ret_value = yamlvalue_written_new(name, strlen(name), YAMLVALUE_TAG_ALIAS, false);
        return count_node(reader, 1, err);
    }
    if (count_node(reader, anchor->nodes, err) < 0)
        return -1;
    if (anchor->nodes > MAX_ALIAS_NODES - reader->alias_nodes)
        return yamlvalue_fail(reader, mark, ERROR_LIMIT, err, "aliases repeat more than %d values",
                              MAX_ALIAS_NODES);
    reader->alias_nodes += anchor->nodes;
    if (anchor->bytes > MAX_ALIAS_BYTES - reader->alias_bytes)
        return yamlvalue_fail(reader, mark, ERROR_LIMIT, err,
                              "aliases repeat more than %d bytes of text", MAX_ALIAS_BYTES);
    reader->alias_bytes += anchor->bytes;
    reader->bytes += anchor->bytes;
    *ret_value = value_deep_copy(anchor->value);
    return 0;
}

// ---- collections ----

static int enter(struct yamlvalue_reader *reader, struct error *err)
{
    if (++reader->depth > reader->limits.max_depth)
        return yamlvalue_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                              "nested deeper than %u levels", reader->limits.max_depth);
    return 0;
}

static int check_collection_tag(const struct yamlvalue_reader *reader, const yaml_char_t *tag,
                                const char *wanted, struct error *err)
{
    if (tag == NULL || strcmp((const char *)tag, wanted) == 0 ||
        strcmp((const char *)tag, "!") == 0 || reader->limits.any_tag)
        return 0;
    return yamlvalue_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                          "the tag %s on a collection; only !!map and !!seq can be rendered", tag);
}

static int sequence_value(struct yamlvalue_reader *reader, struct value **ret_value,
                          struct error *err)
{
    bool outer_flow = reader->in_flow;
    if (check_collection_tag(reader, reader->event.data.sequence_start.tag, YAML_SEQ_TAG, err) <
            0 ||
        enter(reader, err) < 0)
        return -1;
    reader->in_flow = reader->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    cleanup_value struct value *items = value_array();
    for (;;) {
        struct value *item = NULL;
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (parse_node(reader, &item, err) < 0)
            return -1;
        value_array_append_new(items, item);
    }
    value_container_mark(items, reader->limits.written && reader->in_flow);
    reader->in_flow = outer_flow;
    reader->depth--;
    *ret_value = STEAL(items);
    return 0;
}

// A mapping being read.
struct mapping {
    struct value *members; // owned
    struct vec lines;      // size_t, one per member, in the order of insertion
    struct value *merges;  // owned; an array of objects, the first wins; NULL without a merge key
    bool has_merge;
};

static void mapping_release(struct mapping *mapping)
{
    value_decref(mapping->members);
    value_decref(mapping->merges);
    vec_free(&mapping->lines);
}

static int fail_duplicate(const struct yamlvalue_reader *reader, const struct mapping *mapping,
                          const char *key, yaml_mark_t mark, struct error *err)
{
    size_t place = 0;
    const char *other = NULL;
    struct value *value = NULL;
    value_foreach (mapping->members, other, value) {
        if (strcmp(other, key) == 0)
            break;
        place++;
    }
    return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                          "duplicate key \"%s\" (first on line %zu)", key,
                          *(size_t *)vec_at(&mapping->lines, place) + 1);
}

static int key_text(const struct yamlvalue_reader *reader, const struct value *key,
                    yaml_mark_t mark, struct strbuf *out, struct error *err)
{
    if (value_is_string(key)) {
        strbuf_add(out, value_string_value(key), value_string_length(key));
        return strbuf_check(out, "a mapping key", err);
    }
    if (!value_is_integer(key) && !value_is_real(key) && !value_is_boolean(key))
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                              "a mapping key that is %s; Kubernetes objects have strings for keys",
                              value_is_null(key) ? "null" : "a collection");
    if (reader->limits.kustomize)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                              "a mapping key that is no string; write it in quotes");
    if (value_is_integer(key))
        return strbuf_addf(out, "%" PRId64, value_integer_value(key));
    if (value_is_boolean(key))
        return strbuf_addstr(out, value_is_true(key) ? "true" : "false");
    yamlvalue_add_real(out, key);
    return 0;
}

static bool is_merge_key(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT)
        return false;
    const char *tag = (const char *)event->data.scalar.tag;
    return strcmp((const char *)event->data.scalar.value, "<<") == 0 &&
           (tag == NULL || strcmp(tag, "!") == 0
                ? event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                : strcmp(tag, "tag:yaml.org,2002:merge") == 0);
}

static int merge_member(struct yamlvalue_reader *reader, struct mapping *mapping, yaml_mark_t mark,
                        struct error *err)
{
    cleanup_value struct value *value = NULL;
    if (mapping->merges != NULL)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err, "duplicate key \"<<\"");
    if (next_event(reader, err) < 0 || parse_node(reader, &value, err) < 0)
        return -1;
    if (value_is_object(value)) {
        mapping->merges = value_array();
        value_array_append_new(mapping->merges, STEAL(value));
        return 0;
    }
    bool objects = value_is_array(value);
    for (size_t i = 0; objects && i < value_array_size(value); i++)
        objects = value_is_object(value_array_get(value, i));
    if (!objects)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                              "the value of << must be a mapping or a list of mappings");
    mapping->merges = STEAL(value);
    return 0;
}

// The parser stands on the key's event.
static int member(struct yamlvalue_reader *reader, struct mapping *mapping, struct error *err)
{
    yaml_mark_t mark = reader->event.start_mark;
    if (!reader->limits.as_nodes && is_merge_key(&reader->event))
        return merge_member(reader, mapping, mark, err);
    cleanup_value struct value *key = NULL;
    cleanup_value struct value *value = NULL;
    reader->in_key = reader->event.type == YAML_SCALAR_EVENT;
    bool by_text = reader->limits.as_nodes && reader->in_key;
    if (by_text)
        key = value_stringn((const char *)reader->event.data.scalar.value,
                            reader->event.data.scalar.length);
    int result = by_text ? (key != NULL ? 0 : -1) : parse_node(reader, &key, err);
    reader->in_key = false;
    if (result < 0)
        return -1;
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, reader->size + 64);
    if (key_text(reader, key, mark, &name, err) < 0)
        return -1;
    if (value_object_get(mapping->members, name.data) != NULL && !reader->limits.last_wins)
        return fail_duplicate(reader, mapping, name.data, mark, err);
    if (next_event(reader, err) < 0 || parse_node(reader, &value, err) < 0)
        return -1;
    value_object_set_new(mapping->members, name.data, STEAL(value));
    *(size_t *)vec_push(&mapping->lines) = mark.line;
    return 0;
}

static int mapping_value(struct yamlvalue_reader *reader, struct value **ret_value,
                         struct error *err)
{
    bool outer_flow = reader->in_flow;
    if (check_collection_tag(reader, reader->event.data.mapping_start.tag, YAML_MAP_TAG, err) < 0 ||
        enter(reader, err) < 0)
        return -1;
    reader->in_flow = reader->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    __attribute__((cleanup(mapping_release))) struct mapping mapping = {
        .members = value_object(), .lines = VEC_OF(size_t, NULL)};
    for (;;) {
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (member(reader, &mapping, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < value_array_size(mapping.merges); i++)
        value_object_update_missing(mapping.members, value_array_get(mapping.merges, i));
    value_container_mark(mapping.members, reader->limits.written && reader->in_flow);
    reader->in_flow = outer_flow;
    reader->depth--;
    *ret_value = STEAL(mapping.members);
    return 0;
}

// The parser stands on the node's first event, and afterwards on its last. Recursion ends at
// limits.max_depth.
static int parse_node(struct yamlvalue_reader *reader, struct value **ret_value, struct error *err)
{
    if (reader->event.type == YAML_ALIAS_EVENT)
        return alias_value(reader, ret_value, err);
    size_t nodes = reader->nodes;
    size_t bytes = reader->bytes;
    if (count_node(reader, 1, err) < 0)
        return -1;
    size_t place = 0;
    int anchored = 0;
    struct value *value = NULL;
    int result = -1;
    if (reader->event.type == YAML_SCALAR_EVENT) {
        anchored = anchor_begin(reader, reader->event.data.scalar.anchor, &place);
        result = yamlvalue_scalar_value(reader, &value, err);
    } else if (reader->event.type == YAML_SEQUENCE_START_EVENT) {
        anchored = anchor_begin(reader, reader->event.data.sequence_start.anchor, &place);
        result = sequence_value(reader, &value, err);
    } else {
        anchored = anchor_begin(reader, reader->event.data.mapping_start.anchor, &place);
        result = mapping_value(reader, &value, err);
    }
    if (result < 0)
        return -1;
    if (anchored) {
        struct anchor *anchor = vec_at(&reader->anchors, place);
        *anchor =
            (struct anchor){value_incref(value), reader->nodes - nodes, reader->bytes - bytes};
    }
    *ret_value = value;
    return 0;
}

// ---- documents ----

void yamlvalue_document_release(void *document)
{
    value_decref(((struct yamlvalue_document *)document)->value);
}

// Behind "---": the content starts on the next line unless something stands on this one.
static size_t skip_separator(const struct yamlvalue_reader *reader, size_t offset)
{
    size_t end = offset;
    while (end < reader->size &&
           (reader->text[end] == ' ' || reader->text[end] == '\t' || reader->text[end] == '\r'))
        end++;
    return end < reader->size && reader->text[end] == '\n' ? end + 1 : offset;
}

// The parser stands on DOCUMENT-START.
static int parse_document(struct yamlvalue_reader *reader, size_t skipped,
                          struct yamlvalue_document *document, struct error *err)
{
    bool explicit_start = reader->event.data.document_start.implicit == 0;
    size_t start = yamlvalue_offset(reader, explicit_start ? reader->event.end_mark.index
                                                           : reader->event.start_mark.index);
    document->start = skipped + (explicit_start ? skip_separator(reader, start) : start);
    vec_clear(&reader->anchors);
    value_object_clear(reader->anchor_index);
    reader->in_flow = false;
    if (next_event(reader, err) < 0)
        return -1;
    document->line = reader->event.start_mark.line + 1;
    if (parse_node(reader, &document->value, err) < 0 || next_event(reader, err) < 0)
        return -1;
    document->end = skipped + yamlvalue_offset(reader, reader->event.start_mark.index);
    return 0;
}

static int parse_stream(struct yamlvalue_reader *reader, size_t skipped, struct vec *documents,
                        struct error *err)
{
    for (;;) {
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (reader->event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        if (documents->len >= reader->limits.max_documents)
            return yamlvalue_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                                  "more than %zu documents", reader->limits.max_documents);
        if (parse_document(reader, skipped, vec_push(documents), err) < 0)
            return -1;
        if (reader->limits.first_only)
            return 0;
    }
}

static void reader_release(struct yamlvalue_reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    vec_free(&reader->anchors);
    value_decref(reader->anchor_index);
}

static struct yamlvalue_limits with_defaults(const struct yamlvalue_limits *limits)
{
    struct yamlvalue_limits all = limits != NULL ? *limits : (struct yamlvalue_limits){0};
    if (all.max_depth == 0)
        all.max_depth = DEFAULT_DEPTH;
    if (all.max_nodes == 0)
        all.max_nodes = DEFAULT_NODES;
    if (all.max_documents == 0)
        all.max_documents = DEFAULT_DOCUMENTS;
    return all;
}

// libyaml takes a mark in front of the text only when it guesses the encoding, and then also
// UTF-16.
static size_t byte_order_mark(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int yamlvalue_parse_events(const char *text, size_t size, const char *name,
                           const struct yamlvalue_limits *limits, struct vec *ret_documents,
                           struct error *err)
{
    size_t skipped = byte_order_mark(text, size);
    __attribute__((cleanup(reader_release))) struct yamlvalue_reader reader = {
        .text = text + skipped,
        .size = size - skipped,
        .name = name,
        .limits = with_defaults(limits),
        .anchors = VEC_OF(struct anchor, anchor_release),
        .anchor_index = value_object(),
    };
    if (yaml_parser_initialize(&reader.parser) == 0)
        return error_set(err, ERROR_INTERNAL, "%s: no memory for a YAML parser", name);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, reader.size);
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (parse_stream(&reader, skipped, &documents, err) < 0)
        return -1;
    *ret_documents = documents;
    documents = YAMLVALUE_DOCUMENTS;
    return 0;
}

int yamlvalue_parse_all(const char *text, size_t size, const char *name,
                        const struct yamlvalue_limits *limits, struct vec *ret_documents,
                        struct error *err)
{
    const struct yamlvalue_limits all = with_defaults(limits);
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (byte_order_mark(text, size) > 0 || !yamlvalue_read_quickly(text, size, &all, &documents))
        return yamlvalue_parse_events(text, size, name, limits, ret_documents, err);
    *ret_documents = documents;
    documents = YAMLVALUE_DOCUMENTS;
    return 0;
}

int yamlvalue_parse(const char *text, size_t size, const char *name, struct value **ret_value,
                    struct error *err)
{
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    static const struct yamlvalue_limits one = {.max_documents = 2};
    struct error failure = {0};
    if (yamlvalue_parse_all(text, size, name, &one, &documents, &failure) < 0)
        return error_move(err != NULL ? err : &(struct error){0}, &failure);
    if (documents.len != 1)
        return error_set(err, ERROR_INVALID, "%s: %s; exactly one is expected", name,
                         documents.len == 0 ? "no YAML document" : "more than one YAML document");
    *ret_value = STEAL(((struct yamlvalue_document *)vec_at(&documents, 0))->value);
    return 0;
}

int yamlvalue_parse_first(const char *text, size_t size, const char *name, struct value **ret_value,
                          struct error *err)
{
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    static const struct yamlvalue_limits limits = {.last_wins = true, .first_only = true};
    if (yamlvalue_parse_all(text, size, name, &limits, &documents, err) < 0)
        return -1;
    *ret_value = documents.len > 0
                     ? STEAL(((struct yamlvalue_document *)vec_at(&documents, 0))->value)
                     : value_null();
    return 0;
}
