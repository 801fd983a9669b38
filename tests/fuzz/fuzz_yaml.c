// YAML from anywhere: no crash, bounded work, and what was read survives being written and read
// again.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_internal.h"
#include "base/yamlvalue_reader_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The two kinds of null are one after writing.
static void check_round_trip(const struct value *value, bool exact)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 16 << 20);
    cleanup_error struct error err = {0};
    if (yamlvalue_write(value, &text, &err) < 0) {
        if (err.code != ERROR_LIMIT)
            abort();
        return;
    }
    cleanup_value struct value *again = NULL;
    if (yamlvalue_parse(text.data, text.len, "again", &again, NULL) < 0 ||
        (exact && !value_equal(again, value)))
        abort();
    cleanup_strbuf struct strbuf second;
    strbuf_init(&second, 16 << 20);
    if (yamlvalue_write(again, &second, NULL) < 0 || second.len != text.len ||
        strcmp(second.data, text.data) != 0)
        abort();
}

// What the short way writes, libyaml writes the same.
static void compare_writers(const struct value *value)
{
    cleanup_strbuf struct strbuf quick;
    cleanup_strbuf struct strbuf events;
    strbuf_init(&quick, 64 << 20);
    strbuf_init(&events, 64 << 20);
    if (!yamlvalue_write_quickly(value, &quick))
        return;
    if (yamlvalue_write_events(value, &events, NULL) < 0 || quick.len != events.len ||
        memcmp(quick.data, events.data, quick.len) != 0)
        abort();
}

// What the short way reads, libyaml reads the same.
static void compare_readers(const char *text, size_t size, const struct yamlvalue_limits *limits)
{
    cleanup_vec struct vec quick = YAMLVALUE_DOCUMENTS;
    cleanup_vec struct vec events = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits all = *limits;
    all.max_depth = 64;
    if (!yamlvalue_read_quickly(text, size, &all, &quick))
        return;
    if (yamlvalue_parse_events(text, size, "in", &all, &events, NULL) < 0 ||
        events.len != quick.len)
        abort();
    for (size_t i = 0; i < quick.len; i++) {
        const struct yamlvalue_document *one = vec_at(&quick, i);
        const struct yamlvalue_document *other = vec_at(&events, i);
        if (!value_equal(one->value, other->value) || one->line != other->line ||
            one->start != other->start || one->end != other->end)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yamlvalue_limits limits[] = {
        {.max_nodes = 20000, .max_documents = 100},
        {.max_nodes = 20000, .max_documents = 100, .kustomize = true},
        {.max_nodes = 20000, .max_documents = 100, .yaml11 = true, .last_wins = true},
        {.max_nodes = 20000, .max_documents = 100, .kustomize = true, .written = true},
    };
    for (size_t i = 0; i < 4; i++) {
        compare_readers((const char *)data, size, &limits[i]);
        cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
        if (yamlvalue_parse_all((const char *)data, size, "in", &limits[i], &documents, NULL) < 0)
            continue;
        vec_foreach (struct yamlvalue_document, document, &documents) {
            if (document->start > document->end || document->end > size)
                abort();
            if (limits[i].written)
                continue;
            compare_writers(document->value);
            check_round_trip(document->value, !limits[i].kustomize);
            yamlvalue_line_of((const char *)data, size, document->start, "spec.containers[1].name");
        }
    }
    return 0;
}
