#include "base/yamlvalue.h"

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
#include "value_fixture.h"

static void test_yamlvalue_reads(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *json;
    } rows[] = {
        {"a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
        {"\xEF\xBB\xBF"
         "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
         "{\"a\":1,\"b\":\"x\\ny\\n\"}"},
        {"{a: , b}", "{\"a\":null,\"b\":null}"},
        {"a: 0777\nb: 0x1F\nc: -0b11\nd: 1_000\ne: 0o17\nf: 08\n",
         "{\"a\":511,\"b\":31,\"c\":-3,\"d\":1000,\"e\":15,\"f\":8}"},
        {"a: 1.0\nb: 1e3\nc: -0.0\nd: 1.5\n", "{\"a\":1,\"b\":1000,\"c\":0,\"d\":1.5}"},
        {"a: 9223372036854775807\nb: -9223372036854775808\n",
         "{\"a\":9223372036854775807,\"b\":-9223372036854775808}"},
        {"a: yes\nb: on\nc: true\nd: ~\n", "{\"a\":\"yes\",\"b\":\"on\",\"c\":true,\"d\":null}"},
        {"a: 2001-1-1\nb: 2001-13-1\nc: 2001-02-29\nd: 2024-2-29 1:2:3.5\n",
         "{\"a\":\"2001-01-01T00:00:00Z\",\"b\":\"2001-13-1\",\"c\":\"2001-02-29\","
         "\"d\":\"2024-02-29T01:02:03.5Z\"}"},
        {"1: a\n2.5: b\ntrue: c\nno: d\n",
         "{\"1\":\"a\",\"2.5\":\"b\",\"no\":\"d\",\"true\":\"c\"}"},
        {"x: &x {a: 1, b: 2}\ny:\n  b: 3\n  <<: *x\n",
         "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"a\":1,\"b\":3}}"},
        {"x: &x {a: 1}\nz: &z {a: 2, c: 3}\ny:\n  <<: [*x, *z]\n",
         "{\"x\":{\"a\":1},\"y\":{\"a\":1,\"c\":3},\"z\":{\"a\":2,\"c\":3}}"},
        {"a: &a [1]\nb: *a\n? &k q\n: *k\n", "{\"a\":[1],\"b\":[1],\"q\":\"q\"}"},
        {"a: !!str 1\nb: !!float 1\nc: !!int \"7\"\nd: !!binary aGVs\n  bG8=\n",
         "{\"a\":\"1\",\"b\":1,\"c\":7,\"d\":\"hello\"}"},
        {"\"<<\": 1\n", "{\"<<\":1}"},
        {"2001-1-1: 2001-1-1\n", "{\"2001-1-1\":\"2001-01-01T00:00:00Z\"}"},
        {"a: ! 1\nb: !\nc: ! 'x'\n", "{\"a\":1,\"b\":null,\"c\":\"x\"}"},
        {"%YAML 1.1\n---\na: 1\n...\n", "{\"a\":1}"},
        {"--- |\n text\n", "\"text\\n\""},
        {"\"\\U0001F600 \\x01\"", "\"😀 \\u0001\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_value struct value *value = NULL;
        cleanup_error struct error err = {0};
        if (yamlvalue_parse(rows[i].yaml, strlen(rows[i].yaml), "in", &value, &err) < 0)
            fail_msg("row %zu: %s", i, err.message);
        cleanup_free char *json = value_canonical(value);
        assert_string_equal(json, rows[i].json);
    }
}

static void test_yamlvalue_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        enum error_code code;
        const char *message;
    } rows[] = {
        {"a: 1\nb:\n  c: 1\n  c: 2\n", ERROR_INVALID,
         "in:4:3: duplicate key \"c\" (first on line 3)"},
        {"1: a\n\"1\": b\n", ERROR_INVALID, "in:2:1: duplicate key \"1\" (first on line 1)"},
        {"a:\n\tb: 1\n", ERROR_INVALID,
         "in:2:1: a tab where YAML allows only spaces; indent with spaces"},
        {"a: [1, 2\nb: 3\n", ERROR_INVALID, NULL},
        {"a: 1\n b: 2\n", ERROR_INVALID, "in:2:3: mapping values are not allowed in this context"},
        {"a: &x [*x]\n", ERROR_INVALID, "in:1:8: the anchor &x contains itself"},
        {"a: *x\n", ERROR_INVALID, "in:1:4: no anchor &x before this alias"},
        {"a: \"x\\0y\"\n", ERROR_INVALID,
         "in:1:4: a string with a NUL in it; Kubernetes objects cannot hold one"},
        {"a: \xFF\n", ERROR_INVALID, "in:1:4: invalid leading UTF-8 octet (0xFF)"},
        {"ok: 1\na: \x01\n", ERROR_INVALID, "in:2:4: control characters are not allowed (0x01)"},
        {"a: .inf\n", ERROR_INVALID,
         "in:1:4: .inf is a number that JSON, and so Kubernetes, does not have; write it in quotes "
         "if it is text"},
        {"? [a]\n: 1\n", ERROR_INVALID,
         "in:1:3: a mapping key that is a collection; Kubernetes objects have strings for keys"},
        {"~: 1\n", ERROR_INVALID,
         "in:1:1: a mapping key that is null; Kubernetes objects have strings for keys"},
        {"<<: 1\n", ERROR_INVALID,
         "in:1:1: the value of << must be a mapping or a list of mappings"},
        {"a: !foo x\n", ERROR_INVALID,
         "in:1:4: the tag !foo; only YAML's own tags (!!str, !!int, …) can be rendered"},
        {"a: !!set {x}\n", ERROR_INVALID,
         "in:1:4: the tag tag:yaml.org,2002:set on a collection; only !!map and !!seq can be "
         "rendered"},
        {"a: !!int yes\n", ERROR_INVALID, "in:1:4: \"yes\" cannot be read as !!int"},
        {"a: !!binary /w==\n", ERROR_INVALID,
         "in:1:4: !!binary that holds no text; Kubernetes objects hold text only (a Secret's data "
         "or a ConfigMap's binaryData is base64 without the tag)"},
        {"a: 1\n---\nb: 1\n", ERROR_INVALID,
         "in: more than one YAML document; exactly one is expected"},
        {"# nothing\n", ERROR_INVALID, "in: no YAML document; exactly one is expected"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct value *value = NULL;
        cleanup_error struct error err = {0};
        if (yamlvalue_parse(rows[i].yaml, strlen(rows[i].yaml), "in", &value, &err) == 0)
            fail_msg("row %zu was accepted", i);
        assert_int_equal(err.code, rows[i].code);
        if (rows[i].message != NULL)
            assert_string_equal(err.message, rows[i].message);
    }
}

static void test_yamlvalue_refuses_a_nul_byte_and_utf16(void **state)
{
    (void)state;
    struct value *value = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(yamlvalue_parse("a: \0b\n", 6, "in", &value, &err), -1);
    assert_string_equal(err.message, "in:1:4: a NUL byte; this is no text file");
    assert_int_equal(yamlvalue_parse("\xFF\xFE"
                                     "a\0:\0 \0b\0",
                                     10, "in", &value, &err),
                     -1);
    assert_string_equal(err.message, "in:1:1: invalid leading UTF-8 octet (0xFF)");
}

static void refuse_beyond_a_limit(const char *yaml, const struct yamlvalue_limits *limits,
                                  const char *message)
{
    struct vec documents = YAMLVALUE_DOCUMENTS;
    cleanup_error struct error err = {0};
    assert_int_equal(yamlvalue_parse_all(yaml, strlen(yaml), "in", limits, &documents, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_string_equal(err.message, message);
}

static void test_yamlvalue_keeps_its_limits(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 1 << 20);
    for (int i = 0; i < 100000; i++)
        strbuf_addch(&text, '[');
    refuse_beyond_a_limit(text.data, NULL, "in:1:65: nested deeper than 64 levels");
    strbuf_reset(&text);
    for (int i = 0; i < 70; i++)
        strbuf_addstr(&text, "- ");
    refuse_beyond_a_limit(text.data, NULL, "in:1:129: nested deeper than 64 levels");

    strbuf_reset(&text);
    strbuf_addstr(&text, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 'b'; i < 'k'; i++) {
        strbuf_addf(&text, "%c: &%c [", i, i);
        for (int j = 0; j < 10; j++)
            strbuf_addf(&text, "%s*%c", j > 0 ? "," : "", i - 1);
        strbuf_addstr(&text, "]\n");
    }
    refuse_beyond_a_limit(text.data, NULL,
                          "in:6:29: more than 1000000 values, with aliases expanded");
    refuse_beyond_a_limit(text.data, &(struct yamlvalue_limits){.max_nodes = 20000000},
                          "in:6:29: aliases repeat more than 1000000 values");

    strbuf_reset(&text);
    strbuf_addstr(&text, "a: &a ");
    for (int i = 0; i < 500000; i++)
        strbuf_addch(&text, 'x');
    strbuf_addstr(&text, "\nb:\n");
    for (int i = 0; i < 100; i++)
        strbuf_addstr(&text, "- *a\n");
    refuse_beyond_a_limit(text.data, NULL,
                          "in:70:3: aliases repeat more than 33554432 bytes of text");

    refuse_beyond_a_limit("a: 1\n---\nb: 1\n---\nc: 1\n",
                          &(struct yamlvalue_limits){.max_documents = 2},
                          "in:4:1: more than 2 documents");
    refuse_beyond_a_limit("[1, 2, 3]", &(struct yamlvalue_limits){.max_nodes = 3},
                          "in:1:8: more than 3 values, with aliases expanded");
}

static void test_yamlvalue_documents_know_their_place(void **state)
{
    (void)state;
    static const char text[] = "# é\na: 1\n---   \nb: ü\n---\n---\n# none\n--- {c: 1}\n...\n";
    static const struct {
        const char *json;
        const char *range;
        size_t line;
    } rows[] = {
        {"{\"a\":1}", "a: 1\n", 2}, {"{\"b\":\"ü\"}", "b: ü\n", 4}, {"null", "", 6},
        {"null", "# none\n", 8},    {"{\"c\":1}", " {c: 1}\n", 8},
    };
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    assert_int_equal(yamlvalue_parse_all(text, sizeof text - 1, "in", NULL, &documents, NULL), 0);
    assert_int_equal(documents.len, ARRAY_LENGTH(rows));
    for (size_t i = 0; i < documents.len; i++) {
        const struct yamlvalue_document *document = vec_at(&documents, i);
        cleanup_free char *json = value_canonical(document->value);
        assert_string_equal(json, rows[i].json);
        assert_int_equal(document->line, rows[i].line);
        cleanup_free char *range =
            xstrndup(text + document->start, document->end - document->start);
        assert_string_equal(range, rows[i].range);
    }
}

static void test_yamlvalue_finds_lines(void **state)
{
    (void)state;
    static const char text[] = "a: 1\n---\nmetadata:\n  labels:\n    app.kubernetes.io/name: x\n"
                               "spec:\n  containers:\n  - name: a\n  - name: b\n    image: c\n";
    static const struct {
        const char *path;
        size_t line;
    } rows[] = {
        {"metadata", 3},
        {"metadata.labels.app.kubernetes.io/name", 5},
        {"spec.containers[0]", 8},
        {"spec.containers[1].image", 10},
        {"spec.containers[2]", 0},
        {"spec.none", 0},
        {"", 3},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(yamlvalue_line_of(text, sizeof text - 1, 9, rows[i].path), rows[i].line);
    assert_int_equal(yamlvalue_line_of("a: [", 4, 0, "b"), 0);
}

static void test_yamlvalue_writes(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *yaml;
    } rows[] = {
        {"{}", "{}\n"},
        {"[]", "[]\n"},
        {"null", "null\n"},
        {"\"yes\"", "\"yes\"\n"},
        {"{\"<<\":\"<<\"}", "\"<<\": <<\n"},
        {"{\"b10\":1,\"b9\":2,\"\":3,\"B\":{\"x\":[]},\"1\":{}}",
         "\"\": 3\n\"1\": {}\nB:\n  x: []\nb9: 2\nb10: 1\n"},
        {"{\"2\":1,\"10\":1,\"1a\":1}", "\"2\": 1\n\"10\": 1\n1a: 1\n"},
        {"[1.0,1.5,1e20,1e-7,0.000123,1234567.5,-1e19,1e19,9223372036854775808.0]",
         "- 1\n- 1.5\n- 1e+20\n- 1e-07\n- 0.000123\n- 1.2345675e+06\n- -1e+19\n"
         "- 10000000000000000000\n- 9223372036854775808\n"},
        {"{\"a\":\"x\\n\\n\"}", "a: |+\n  x\n\n"},
        {"{\"a\":\"...\",\"b\":\"a\\tb\",\"c\":\"# x\",\"d\":\"0x1\",\"e\":\"1:20\"}",
         "a: '...'\nb: \"a\\tb\"\nc: '# x'\nd: \"0x1\"\ne: \"1:20\"\n"},
        {"[{\"a\":[{\"b\":1}]},[[1]]]", "- a:\n  - b: 1\n- - - 1\n"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_value struct value *value = value_from_text(rows[i].json);
        assert_non_null(value);
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 10000);
        assert_int_equal(yamlvalue_write(value, &out, NULL), 0);
        assert_string_equal(out.data, rows[i].yaml);
    }
    cleanup_value struct value *value = value_string("longer than four");
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 4);
    cleanup_error struct error err = {0};
    assert_int_equal(yamlvalue_write(value, &out, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

// As kustomize: a number with a point goes through a float64's shortest text, an integer does not.
static void test_yamlvalue_keeps_the_digits_of_large_integers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"18446744073709551615", "18446744073709551615"},
        {"0x8000000000000001", "9223372036854775809"},
        {"18446744073709551616", "1.8446744073709552e+19"},
        {"-9223372036854775809", "-9.223372036854776e+18"},
        {"9223372036854775807.0", "9223372036854776000"},
        {"1234567890123456789.0", "1234567890123456800"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_value struct value *value = NULL;
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 100);
        assert_int_equal(yamlvalue_parse(rows[i][0], strlen(rows[i][0]), "in", &value, NULL), 0);
        assert_int_equal(yamlvalue_write(value, &out, NULL), 0);
        out.data[strcspn(out.data, "\n")] = '\0';
        assert_string_equal(out.data, rows[i][1]);
    }
    cleanup_value struct value *largest = value_unsigned(UINT64_MAX);
    cleanup_value struct value *next = value_unsigned(UINT64_MAX - 1);
    cleanup_value struct value *copy = value_deep_copy(largest);
    assert_false(value_equal(largest, next));
    assert_true(value_equal(largest, copy));
}

// ---- what kustomize prints for 351 scalars ----

static bool is_known_difference(const char *label)
{
    static const char *const known[] = {
        // Would lose digits here; kustomize has unsigned integers.
        "plain value 18446744073709551615",
        // kustomize cuts files at "---" before it parses them.
        "yaml directive",
        // kustomize rewrites the folded text before it reads it, and so adds an empty line.
        "block/quoted '>-\\n    folded text\\n    more\\n      indented\\n    back\\n'",
        // libyaml starts a new line after a line separator inside quotes; it reads back the same.
        "block/quoted '\"\\\\u2028\"'",
        // A List is flattened and sorted by the renderer.
        "List",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (strcmp(label, known[i]) == 0)
            return true;
    return false;
}

static int render_all(const char *input, struct strbuf *out, struct error *err)
{
    static const struct yamlvalue_limits limits = {.kustomize = true};
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (yamlvalue_parse_all(input, strlen(input), "in", &limits, &documents, err) < 0)
        return -1;
    vec_foreach (struct yamlvalue_document, document, &documents) {
        if (value_is_null(document->value))
            continue;
        if (out->len > 0)
            strbuf_addstr(out, "---\n");
        if (yamlvalue_write(document->value, out, err) < 0)
            return -1;
    }
    return 0;
}

static bool row_agrees(const struct value *row)
{
    const char *wanted = value_text(row, "output");
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    cleanup_error struct error err = {0};
    int result = render_all(value_text(row, "input"), &out, &err);
    if (wanted == NULL ? result < 0 : result == 0 && strcmp(out.data, wanted) == 0)
        return true;
    printf("%s\n  wanted: %s\n  got: %s\n", value_text(row, "label"),
           wanted != NULL ? wanted : "an error", result < 0 ? err.message : out.data);
    return false;
}

static void test_yamlvalue_prints_what_kustomize_prints(void **state)
{
    (void)state;
    const char *folder = getenv("SEALIFT_CONFORMANCE");
    cleanup_free char *path =
        path_join(folder != NULL ? folder : TEST_CONFORMANCE, "yaml-scalars.json");
    if (!file_exists(path)) {
        printf("no %s: set SEALIFT_CONFORMANCE to the folder of the conformance data\n", path);
        free(path); // skip() leaves by longjmp
        skip();
    }
    cleanup_free char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 16 << 20, &text, &size, NULL), 0);
    cleanup_value struct value *rows = value_from_text(text);
    size_t different = 0;
    for (size_t i = 0; i < value_array_size(rows); i++) {
        const struct value *row = value_array_get(rows, i);
        different += !is_known_difference(value_text(row, "label")) && !row_agrees(row);
    }
    assert_int_equal(different, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yamlvalue_reads),
        cmocka_unit_test(test_yamlvalue_refuses),
        cmocka_unit_test(test_yamlvalue_refuses_a_nul_byte_and_utf16),
        cmocka_unit_test(test_yamlvalue_keeps_its_limits),
        cmocka_unit_test(test_yamlvalue_documents_know_their_place),
        cmocka_unit_test(test_yamlvalue_finds_lines),
        cmocka_unit_test(test_yamlvalue_writes),
        cmocka_unit_test(test_yamlvalue_keeps_the_digits_of_large_integers),
        cmocka_unit_test(test_yamlvalue_prints_what_kustomize_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
