// What the tests of render/kustomize share: YAML in and out as kustomize does it, and the rows of
// kustomize's own unit tables.
#ifndef TESTS_KUSTOMIZE_FIXTURE_H
#define TESTS_KUSTOMIZE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "base/yamljson_written.h"

// The one document of a text; owned.
static inline json_t *yaml_value(const char *text)
{
    struct vec documents = YAMLJSON_DOCUMENTS;
    struct yamljson_limits limits = {.kustomize = true, .written = true};
    cleanup_error struct error err = {0};
    if (yamljson_parse_all(text, strlen(text), "test", &limits, &documents, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), text);
    assert_int_equal(documents.len, 1);
    json_t *value = json_incref(((struct yamljson_document *)documents.data)->value);
    vec_free(&documents);
    return value;
}

static inline char *yaml_text(const json_t *value)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 16 << 20);
    cleanup_json json_t *settled = json_deep_copy(value);
    assert_int_equal(yamljson_settle(settled, NULL), 0);
    assert_int_equal(yamljson_write(settled, &out, NULL), 0);
    return strbuf_steal(&out);
}

static inline void assert_yaml_equal(const json_t *got, const char *expected)
{
    cleanup_json json_t *wanted = yaml_value(expected);
    cleanup_free char *got_text = yaml_text(got);
    cleanup_free char *want_text = yaml_text(wanted);
    assert_string_equal(got_text, want_text);
}

// The tables hold escapes of half characters, which are no JSON text for jansson.
static inline void mend_surrogates(char *text)
{
    for (char *at = strstr(text, "\\u"); at != NULL; at = strstr(at + 2, "\\u"))
        if ((at[2] | 0x20) == 'd' && strchr("89abcdefABCDEF", at[3]) != NULL)
            memcpy(at + 2, "fffd", 4);
}

// Owned; skips the test where the conformance data is missing.
static inline json_t *kustomize_tables(void)
{
    const char *folder = getenv("SEALIFT_CONFORMANCE");
    cleanup_free char *path =
        path_join(folder != NULL ? folder : TEST_CONFORMANCE, "tables-kustomize.json");
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file_read(path, 64 << 20, &text, &size, NULL) < 0) {
        printf("no %s: set SEALIFT_CONFORMANCE to the folder of the conformance data\n", path);
        free(STEAL(path)); // skip() leaves by longjmp
        skip();
    }
    mend_surrogates(text);
    cleanup_error struct error err = {0};
    json_t *tables = NULL;
    if (jval_parse_object(text, size, path, &tables, &err) < 0)
        fail_msg("%s", error_message(&err));
    return tables;
}

// The rows of the table whose key holds `name`.
static inline const json_t *kustomize_table(const json_t *tables, const char *name)
{
    const char *key = NULL;
    json_t *rows = NULL;
    jval_foreach (tables, key, rows)
        if (strstr(key, name) != NULL)
            return rows;
    fail_msg("no table %s", name);
    return NULL;
}

#endif
