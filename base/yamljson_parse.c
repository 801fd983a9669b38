// YAML text to JSON values. Happy path: libyaml's events of one document are built bottom up by a
// recursion that the depth limit bounds; an anchor remembers the finished value, an alias copies
// it and pays for every node and byte of the copy; merge keys are collected while a mapping is
// read and filled in at its end, where its own keys have won.
#include "base/yamljson.h"

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson_internal.h"
#include "base/yamljson_reader_internal.h"
#include "base/yamljson_written.h"

enum {
    DEFAULT_DEPTH = 64,
    DEFAULT_NODES = 1000000,
    DEFAULT_DOCUMENTS = 20000,
    MAX_ALIAS_BYTES = 32 << 20, // text that aliases may add to one stream
    MAX_ALIAS_NODES = 1000000,  // and values
};

struct anchor {
    json_t *value; // owned; NULL while its node is still being read
    size_t nodes;
    size_t bytes;
};

static void anchor_release(void *anchor)
{
    json_decref(((struct anchor *)anchor)->value);
}

static int next_event(struct yamljson_reader *reader, struct error *err)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event) == 0)
        return yamljson_fail_by_parser(reader, err);
    return 0;
}

static int count_node(struct yamljson_reader *reader, size_t nodes, struct error *err)
{
    if (nodes > reader->limits.max_nodes - reader->nodes)
        return yamljson_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                             "more than %zu values, with aliases expanded",
                             reader->limits.max_nodes);
    reader->nodes += nodes;
    return 0;
}

static int parse_node(struct yamljson_reader *reader, json_t **ret_value, struct error *err);

// ---- anchors and aliases ----

static int anchor_begin(struct yamljson_reader *reader, const yaml_char_t *name, size_t *ret_place)
{
    if (name == NULL)
        return 0;
    *ret_place = reader->anchors.len;
    vec_push(&reader->anchors);
    json_object_set_new_nocheck(reader->anchor_index, (const char *)name,
                                json_integer((json_int_t)*ret_place));
    return 1;
}

static int alias_value(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
{
    const char *name = (const char *)reader->event.data.alias.anchor;
    yaml_mark_t mark = reader->event.start_mark;
    const json_t *place = json_object_get(reader->anchor_index, name);
    if (place == NULL)
        return yamljson_fail(reader, mark, ERROR_INVALID, err, "no anchor &%s before this alias",
                             name);
    const struct anchor *anchor = vec_at(&reader->anchors, (size_t)json_integer_value(place));
    if (anchor->value == NULL)
        return yamljson_fail(reader, mark, ERROR_INVALID, err, "the anchor &%s contains itself",
                             name);
    if (reader->limits.as_nodes) {
        *ret_value = yamljson_written_new(name, strlen(name), YAMLJSON_TAG_ALIAS, false);
        return count_node(reader, 1, err);
    }
    if (count_node(reader, anchor->nodes, err) < 0)
        return -1;
    if (anchor->nodes > MAX_ALIAS_NODES - reader->alias_nodes)
        return yamljson_fail(reader, mark, ERROR_LIMIT, err, "aliases repeat more than %d values",
                             MAX_ALIAS_NODES);
    reader->alias_nodes += anchor->nodes;
    if (anchor->bytes > MAX_ALIAS_BYTES - reader->alias_bytes)
        return yamljson_fail(reader, mark, ERROR_LIMIT, err,
                             "aliases repeat more than %d bytes of text", MAX_ALIAS_BYTES);
    reader->alias_bytes += anchor->bytes;
    reader->bytes += anchor->bytes;
    *ret_value = json_deep_copy(anchor->value);
    return 0;
}

// ---- collections ----

static int enter(struct yamljson_reader *reader, struct error *err)
{
    if (++reader->depth > reader->limits.max_depth)
        return yamljson_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                             "nested deeper than %u levels", reader->limits.max_depth);
    return 0;
}

static int check_collection_tag(const struct yamljson_reader *reader, const yaml_char_t *tag,
                                const char *wanted, struct error *err)
{
    if (tag == NULL || strcmp((const char *)tag, wanted) == 0 ||
        strcmp((const char *)tag, "!") == 0)
        return 0;
    return yamljson_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                         "the tag %s on a collection; only !!map and !!seq can be rendered", tag);
}

static int sequence_value(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
{
    bool outer_flow = reader->in_flow;
    if (check_collection_tag(reader, reader->event.data.sequence_start.tag, YAML_SEQ_TAG, err) <
            0 ||
        enter(reader, err) < 0)
        return -1;
    reader->in_flow = reader->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    cleanup_json json_t *items = json_array();
    for (;;) {
        json_t *item = NULL;
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (parse_node(reader, &item, err) < 0)
            return -1;
        json_array_append_new(items, item);
    }
    reader->in_flow = outer_flow;
    reader->depth--;
    *ret_value = STEAL(items);
    return 0;
}

// A mapping being read.
struct mapping {
    json_t *members;  // owned
    struct vec lines; // size_t, one per member, in the order of insertion
    json_t *merges;   // owned; an array of objects, the first wins; NULL without a merge key
    bool has_merge;
};

static void mapping_release(struct mapping *mapping)
{
    json_decref(mapping->members);
    json_decref(mapping->merges);
    vec_free(&mapping->lines);
}

static int fail_duplicate(const struct yamljson_reader *reader, const struct mapping *mapping,
                          const char *key, yaml_mark_t mark, struct error *err)
{
    size_t place = 0;
    const char *other = NULL;
    json_t *value = NULL;
    json_object_foreach (mapping->members, other, value) {
        if (strcmp(other, key) == 0)
            break;
        place++;
    }
    return yamljson_fail(reader, mark, ERROR_INVALID, err,
                         "duplicate key \"%s\" (first on line %zu)", key,
                         *(size_t *)vec_at(&mapping->lines, place) + 1);
}

static int key_text(const struct yamljson_reader *reader, const json_t *key, yaml_mark_t mark,
                    struct strbuf *out, struct error *err)
{
    if (json_is_string(key)) {
        strbuf_add(out, json_string_value(key), json_string_length(key));
        return strbuf_check(out, "a mapping key", err);
    }
    if (!json_is_integer(key) && !json_is_real(key) && !json_is_boolean(key))
        return yamljson_fail(reader, mark, ERROR_INVALID, err,
                             "a mapping key that is %s; Kubernetes objects have strings for keys",
                             json_is_null(key) ? "null" : "a collection");
    if (reader->limits.kustomize)
        return yamljson_fail(reader, mark, ERROR_INVALID, err,
                             "a mapping key that is no string; write it in quotes");
    if (json_is_integer(key))
        return strbuf_addf(out, "%lld", json_integer_value(key));
    if (json_is_boolean(key))
        return strbuf_addstr(out, json_is_true(key) ? "true" : "false");
    yamljson_add_real(out, json_real_value(key));
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

static int merge_member(struct yamljson_reader *reader, struct mapping *mapping, yaml_mark_t mark,
                        struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (mapping->merges != NULL)
        return yamljson_fail(reader, mark, ERROR_INVALID, err, "duplicate key \"<<\"");
    if (next_event(reader, err) < 0 || parse_node(reader, &value, err) < 0)
        return -1;
    if (json_is_object(value)) {
        mapping->merges = json_array();
        json_array_append_new(mapping->merges, STEAL(value));
        return 0;
    }
    bool objects = json_is_array(value);
    for (size_t i = 0; objects && i < json_array_size(value); i++)
        objects = json_is_object(json_array_get(value, i));
    if (!objects)
        return yamljson_fail(reader, mark, ERROR_INVALID, err,
                             "the value of << must be a mapping or a list of mappings");
    mapping->merges = STEAL(value);
    return 0;
}

// The parser stands on the key's event.
static int member(struct yamljson_reader *reader, struct mapping *mapping, struct error *err)
{
    yaml_mark_t mark = reader->event.start_mark;
    if (!reader->limits.as_nodes && is_merge_key(&reader->event))
        return merge_member(reader, mapping, mark, err);
    cleanup_json json_t *key = NULL;
    cleanup_json json_t *value = NULL;
    reader->in_key = reader->event.type == YAML_SCALAR_EVENT;
    bool by_text = reader->limits.as_nodes && reader->in_key;
    if (by_text)
        key = json_stringn((const char *)reader->event.data.scalar.value,
                           reader->event.data.scalar.length);
    int result = by_text ? (key != NULL ? 0 : -1) : parse_node(reader, &key, err);
    reader->in_key = false;
    if (result < 0)
        return -1;
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, reader->size + 64);
    if (key_text(reader, key, mark, &name, err) < 0)
        return -1;
    if (json_object_get(mapping->members, name.data) != NULL && !reader->limits.last_wins)
        return fail_duplicate(reader, mapping, name.data, mark, err);
    if (next_event(reader, err) < 0 || parse_node(reader, &value, err) < 0)
        return -1;
    json_object_set_new_nocheck(mapping->members, name.data, STEAL(value));
    *(size_t *)vec_push(&mapping->lines) = mark.line;
    return 0;
}

static int mapping_value(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
{
    bool outer_flow = reader->in_flow;
    if (check_collection_tag(reader, reader->event.data.mapping_start.tag, YAML_MAP_TAG, err) < 0 ||
        enter(reader, err) < 0)
        return -1;
    reader->in_flow = reader->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    __attribute__((cleanup(mapping_release))) struct mapping mapping = {
        .members = json_object(), .lines = VEC_OF(size_t, NULL)};
    for (;;) {
        if (next_event(reader, err) < 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (member(reader, &mapping, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < json_array_size(mapping.merges); i++)
        json_object_update_missing(mapping.members, json_array_get(mapping.merges, i));
    reader->in_flow = outer_flow;
    reader->depth--;
    *ret_value = STEAL(mapping.members);
    return 0;
}

// The parser stands on the node's first event, and afterwards on its last. Recursion ends at
// limits.max_depth.
static int parse_node(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
{
    if (reader->event.type == YAML_ALIAS_EVENT)
        return alias_value(reader, ret_value, err);
    size_t nodes = reader->nodes;
    size_t bytes = reader->bytes;
    if (count_node(reader, 1, err) < 0)
        return -1;
    size_t place = 0;
    int anchored = 0;
    json_t *value = NULL;
    int result = -1;
    if (reader->event.type == YAML_SCALAR_EVENT) {
        anchored = anchor_begin(reader, reader->event.data.scalar.anchor, &place);
        result = yamljson_scalar_value(reader, &value, err);
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
        *anchor = (struct anchor){json_incref(value), reader->nodes - nodes, reader->bytes - bytes};
    }
    *ret_value = value;
    return 0;
}

// ---- documents ----

void yamljson_document_release(void *document)
{
    json_decref(((struct yamljson_document *)document)->value);
}

// Behind "---": the content starts on the next line unless something stands on this one.
static size_t skip_separator(const struct yamljson_reader *reader, size_t offset)
{
    size_t end = offset;
    while (end < reader->size &&
           (reader->text[end] == ' ' || reader->text[end] == '\t' || reader->text[end] == '\r'))
        end++;
    return end < reader->size && reader->text[end] == '\n' ? end + 1 : offset;
}

// The parser stands on DOCUMENT-START.
static int parse_document(struct yamljson_reader *reader, size_t skipped,
                          struct yamljson_document *document, struct error *err)
{
    bool explicit_start = reader->event.data.document_start.implicit == 0;
    size_t start = yamljson_offset(reader, explicit_start ? reader->event.end_mark.index
                                                          : reader->event.start_mark.index);
    document->start = skipped + (explicit_start ? skip_separator(reader, start) : start);
    vec_clear(&reader->anchors);
    json_object_clear(reader->anchor_index);
    reader->in_flow = false;
    if (next_event(reader, err) < 0)
        return -1;
    document->line = reader->event.start_mark.line + 1;
    if (parse_node(reader, &document->value, err) < 0 || next_event(reader, err) < 0)
        return -1;
    document->end = skipped + yamljson_offset(reader, reader->event.start_mark.index);
    return 0;
}

static int parse_stream(struct yamljson_reader *reader, size_t skipped, struct vec *documents,
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
            return yamljson_fail(reader, reader->event.start_mark, ERROR_LIMIT, err,
                                 "more than %zu documents", reader->limits.max_documents);
        if (parse_document(reader, skipped, vec_push(documents), err) < 0)
            return -1;
    }
}

static void reader_release(struct yamljson_reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    vec_free(&reader->anchors);
    json_decref(reader->anchor_index);
}

static struct yamljson_limits with_defaults(const struct yamljson_limits *limits)
{
    struct yamljson_limits all = limits != NULL ? *limits : (struct yamljson_limits){0};
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

int yamljson_parse_events(const char *text, size_t size, const char *name,
                          const struct yamljson_limits *limits, struct vec *ret_documents,
                          struct error *err)
{
    size_t skipped = byte_order_mark(text, size);
    __attribute__((cleanup(reader_release))) struct yamljson_reader reader = {
        .text = text + skipped,
        .size = size - skipped,
        .name = name,
        .limits = with_defaults(limits),
        .anchors = VEC_OF(struct anchor, anchor_release),
        .anchor_index = json_object(),
    };
    if (yaml_parser_initialize(&reader.parser) == 0)
        return error_set(err, ERROR_INTERNAL, "%s: no memory for a YAML parser", name);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, reader.size);
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    if (parse_stream(&reader, skipped, &documents, err) < 0)
        return -1;
    *ret_documents = documents;
    documents = YAMLJSON_DOCUMENTS;
    return 0;
}

int yamljson_parse_all(const char *text, size_t size, const char *name,
                       const struct yamljson_limits *limits, struct vec *ret_documents,
                       struct error *err)
{
    const struct yamljson_limits all = with_defaults(limits);
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    if (byte_order_mark(text, size) > 0 || !yamljson_read_quickly(text, size, &all, &documents))
        return yamljson_parse_events(text, size, name, limits, ret_documents, err);
    *ret_documents = documents;
    documents = YAMLJSON_DOCUMENTS;
    return 0;
}

int yamljson_parse(const char *text, size_t size, const char *name, json_t **ret_value,
                   struct error *err)
{
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    static const struct yamljson_limits one = {.max_documents = 2};
    struct error failure = {0};
    if (yamljson_parse_all(text, size, name, &one, &documents, &failure) < 0)
        return error_move(err != NULL ? err : &(struct error){0}, &failure);
    if (documents.len != 1)
        return error_set(err, ERROR_INVALID, "%s: %s; exactly one is expected", name,
                         documents.len == 0 ? "no YAML document" : "more than one YAML document");
    *ret_value = STEAL(((struct yamljson_document *)vec_at(&documents, 0))->value);
    return 0;
}
