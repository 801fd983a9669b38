// What the tests of render/kustomize share: YAML in and out as kustomize does it, and the rows of
// kustomize's own unit tables.
#ifndef TESTS_KUSTOMIZE_FIXTURE_H
#define TESTS_KUSTOMIZE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/jval.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"

// The one document of a text; owned.
static inline struct value *yaml_value(const char *text)
{
    struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.kustomize = true, .written = true};
    cleanup_error struct error err = {0};
    if (yamlvalue_parse_all(text, strlen(text), "test", &limits, &documents, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), text);
    assert_int_equal(documents.len, 1);
    struct value *value = value_incref(((struct yamlvalue_document *)documents.data)->value);
    vec_free(&documents);
    return value;
}

static inline char *yaml_text(const struct value *value)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 16 << 20);
    cleanup_value struct value *settled = value_deep_copy(value);
    assert_int_equal(yamlvalue_settle(settled, NULL), 0);
    assert_int_equal(yamlvalue_write(settled, &out, NULL), 0);
    return strbuf_steal(&out);
}

static inline void assert_yaml_equal(const struct value *got, const char *expected)
{
    cleanup_value struct value *wanted = yaml_value(expected);
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
static inline struct value *kustomize_tables(void)
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
    cleanup_json json_t *tables = NULL;
    if (jval_parse_object(text, size, path, &tables, &err) < 0)
        fail_msg("%s", error_message(&err));
    return value_from_json(tables);
}

// The rows of the table whose key holds `name`.
static inline const struct value *kustomize_table(const struct value *tables, const char *name)
{
    const char *key = NULL;
    struct value *rows = NULL;
    value_foreach (tables, key, rows)
        if (strstr(key, name) != NULL)
            return rows;
    fail_msg("no table %s", name);
    return NULL;
}

#endif
