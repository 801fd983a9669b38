// YAML from anywhere: no crash, bounded work, and what was read survives being written and read
// again.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/yamljson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The two kinds of null are one after writing.
static void check_round_trip(const json_t *value, bool exact)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 16 << 20);
    cleanup_error struct error err = {0};
    if (yamljson_write(value, &text, &err) < 0) {
        if (err.code != ERROR_LIMIT)
            abort();
        return;
    }
    cleanup_json json_t *again = NULL;
    if (yamljson_parse(text.data, text.len, "again", &again, NULL) < 0 ||
        (exact && !json_equal(again, value)))
        abort();
    cleanup_strbuf struct strbuf second;
    strbuf_init(&second, 16 << 20);
    if (yamljson_write(again, &second, NULL) < 0 || second.len != text.len ||
        strcmp(second.data, text.data) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yamljson_limits limits[] = {
        {.max_nodes = 20000, .max_documents = 100},
        {.max_nodes = 20000, .max_documents = 100, .kustomize = true},
    };
    for (size_t i = 0; i < 2; i++) {
        cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
        if (yamljson_parse_all((const char *)data, size, "in", &limits[i], &documents, NULL) < 0)
            continue;
        vec_foreach (struct yamljson_document, document, &documents) {
            if (document->start > document->end || document->end > size)
                abort();
            check_round_trip(document->value, !limits[i].kustomize);
            yamljson_line_of((const char *)data, size, document->start, "spec.containers[1].name");
        }
    }
    return 0;
}
