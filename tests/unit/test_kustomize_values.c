// What kustomize generates and substitutes: hashes of names, sources of data, vars.
#include "render/kustomize/hash.h"
#include "render/kustomize/key_values.h"
#include "render/kustomize/vars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/gojson.h"
#include "base/memory.h"
#include "base/yamlvalue.h"
#include "value_fixture.h"

static struct value *from_yaml(const char *text)
{
    struct value *value = NULL;
    struct error err = {0};
    if (yamlvalue_parse(text, strlen(text), "test", &value, &err) < 0)
        fail_msg("%s", error_message(&err));
    return value;
}

static void test_gojson_writes_as_go(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned flags;
        const char *written;
    } cases[] = {
        {"{\"b\": 1, \"a\": [true, null, false]}", 0, "{\"a\":[true,null,false],\"b\":1}"},
        {"[\"<a>&\"]", 0, "[\"<a>&\"]"},
        {"[\"<a>&\"]", GOJSON_ESCAPE_HTML, "[\"\\u003ca\\u003e\\u0026\"]"},
        {"[\"\\u2028\\u2029\\u0001\\u007f\\n\\\"\\\\\\f\"]", 0,
         "[\"\\u2028\\u2029\\u0001\x7f\\n\\\"\\\\\\f\"]"},
        {"[9007199254740993]", 0, "[9007199254740993]"},
        {"[9007199254740993]", GOJSON_FLOATS, "[9007199254740992]"},
        {"[1.5, 1e20, 1e21, 1e-6, 1e-7, 0.1, -2.5e-9, 123456789.25]", 0,
         "[1.5,100000000000000000000,1e+21,0.000001,1e-7,0.1,-2.5e-9,123456789.25]"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *value = json_loads(cases[i].value, 0, NULL);
        assert_non_null(value);
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 1000);
        gojson_write(value, cases[i].flags, &out);
        assert_string_equal(out.data, cases[i].written);
    }
}

static void test_hash_follows_content_alone(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        const char *hash;
    } cases[] = {
        {"kind: ConfigMap", "6ct58987ht"},
        {"{kind: ConfigMap, metadata: {name: any}}", "6ct58987ht"},
        {"{kind: ConfigMap, data: {two: 2, one: '', three: 3}}", "7757f9kkct"},
        {"{kind: ConfigMap, binaryData: {one: ''}}", "6mtk2m274t"},
        {"{kind: Secret, type: my-type, data: {one: ''}, stringData: {two: 2}}", "c4h4264gdb"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_value struct value *object = from_yaml(cases[i].object);
        char hash[KUSTOMIZE_HASH_SIZE];
        assert_int_equal(kustomize_hash(object, hash, NULL), 0);
        assert_string_equal(hash, cases[i].hash);
    }
    cleanup_value struct value *other = from_yaml("{kind: Deployment}");
    char hash[KUSTOMIZE_HASH_SIZE];
    cleanup_error struct error err = {0};
    assert_int_equal(kustomize_hash(other, hash, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
}

static void test_env_files_are_read_as_kustomize_does(void **state)
{
    (void)state;
    cleanup_vec struct vec pairs = KEY_VALUES;
    static const char text[] = "\xef\xbb\xbf"
                               "A=1\n  B = 2 \n#c\n\nC\n=x\nD=a=b\r\n\xc2\xa0"
                               "E=\xc2\xa0z";
    assert_int_equal(key_values_parse_env(&pairs, text, sizeof text - 1, NULL), 0);
    static const char *const expected[][2] = {
        {"A", "1"}, {"B ", " 2 "}, {"C", ""}, {"D", "a=b"}, {"E", "\xc2\xa0z"},
    };
    assert_int_equal(pairs.len, ARRAY_LENGTH(expected));
    for (size_t i = 0; i < pairs.len; i++) {
        const struct key_value *pair = vec_at(&pairs, i);
        assert_string_equal(pair->key, expected[i][0]);
        assert_string_equal(pair->value, expected[i][1]);
    }
}

static void test_env_files_are_refused(void **state)
{
    (void)state;
    cleanup_vec struct vec pairs = KEY_VALUES;
    cleanup_error struct error err = {0};
    assert_int_equal(key_values_parse_env(&pairs, "A=1\nB=\xff\n", 8, &err), -1);
    assert_string_equal(err.message, "line 2 is not UTF-8; use `files` for such values");
    cleanup_free char *line = xmalloc(65536);
    memset(line, 'x', 65536);
    assert_int_equal(key_values_parse_env(&pairs, line, 65534, &err), 0);
    assert_int_equal(key_values_parse_env(&pairs, line, 65536, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(key_values_parse_env(&pairs, "A\0B=1", 5, &err), -1);
}

static void test_literals_lose_one_pair_of_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *literal;
        const char *key;
        const char *value;
    } cases[] = {
        {"a=b", "a", "b"},       {"a=", "a", ""},       {"a==b=", "a", "=b="},
        {"a='b'", "a", "b"},     {"a=\"b\"", "a", "b"}, {"a='b\"", "a", "'b\""},
        {"a=''b''", "a", "'b'"}, {"a='", "a", "'"},     {"a b=c", "a b", "c"},
        {"a= 'b'", "a", " 'b'"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec pairs = KEY_VALUES;
        assert_int_equal(key_values_add_literal(&pairs, cases[i].literal, NULL), 0);
        const struct key_value *pair = vec_at(&pairs, 0);
        assert_string_equal(pair->key, cases[i].key);
        assert_string_equal(pair->value, cases[i].value);
    }
    cleanup_vec struct vec pairs = KEY_VALUES;
    assert_int_equal(key_values_add_literal(&pairs, "=b", NULL), -1);
    assert_int_equal(key_values_add_literal(&pairs, "ab", NULL), -1);
}

static void test_file_sources_have_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        const char *key; // NULL: refused
        const char *path;
    } cases[] = {
        {"./path/myfile", "myfile", "./path/myfile"},
        {"a/b/", "b", "a/b/"},
        {"", ".", ""},
        {"newName.ini=oldName", "newName.ini", "oldName"},
        {"newName.ini==oldName", NULL, NULL},
        {"=myfile", NULL, NULL},
        {"myfile=", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *key = NULL;
        cleanup_free char *path = NULL;
        int result = key_values_split_file(cases[i].source, &key, &path, NULL);
        assert_int_equal(result, cases[i].key != NULL ? 0 : -1);
        if (result == 0) {
            assert_string_equal(key, cases[i].key);
            assert_string_equal(path, cases[i].path);
        }
    }
}

static void test_vars_are_expanded(void **state)
{
    (void)state;
    cleanup_value struct value *values =
        from_yaml("{A: x, N: 5, F: 1.5, BIG: 1.0e+20, B: true, M: {a: b}, E: ''}");
    static const struct {
        const char *text;
        const char *expanded; // JSON
    } cases[] = {
        {"$(A)", "\"x\""},
        {"$(N)", "5"},
        {"$(B)", "true"},
        {"p-$(N)-$(B)-$(F)", "\"p-5-true-1.5\""},
        {"$$(A)", "\"$(A)\""},
        {"$$$(A)", "\"$x\""},
        {"$(NO)", "\"$(NO)\""},
        {"$(A", "\"$(A\""},
        {"$", "\"$\""},
        {"a$b", "\"a$b\""},
        {"$(M)-", "\"$(M)-\""},
        {"-$(BIG)", "\"-1e+20\""},
        {"$(A)$(E)$(A)", "\"xx\""},
        {"\\$(A)", "\"\\\\x\""},
        {"$()", "\"$()\""},
        {"$(A$(A))", "\"$(A$(A))\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_value struct value *used = value_object();
        cleanup_value struct value *expanded =
            vars_expand(cases[i].text, strlen(cases[i].text), values, used);
        cleanup_free char *text = value_canonical(expanded);
        assert_string_equal(text, cases[i].expanded);
    }
}

static void test_vars_read_fields(void **state)
{
    (void)state;
    cleanup_value struct value *value =
        from_yaml("{a: {b.c: 1, d: [{name: x, v: 2}, {name: y, v: 3}], e: [p, q], '0': z}}");
    static const struct {
        const char *path;
        const char *found; // NULL: nothing
    } cases[] = {
        {"a.b\\.c", "1"},    {"a.[b.c]", "1"},         {"a.d[1].v", "3"},
        {"a.d.1.v", "3"},    {"a.d.[name=x].v", "2"},  {"a.e[0]", "\"p\""},
        {"a.e.-", "\"q\""},  {"a.e.[=q]", "\"q\""},    {"a.d.[name=z].v", NULL},
        {"a.nope", NULL},    {"a.e[7]", NULL},         {"a.0", NULL},
        {".a.e.0", "\"p\""}, {"a.d[0].name", "\"x\""}, {"a.b.c", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct value *found = vars_field(value, cases[i].path);
        cleanup_free char *text = found != NULL ? value_canonical(found) : NULL;
        if (cases[i].found == NULL)
            assert_null(text);
        else
            assert_string_equal(text, cases[i].found);
    }
}

// A table of kustomize's own unit tests; NULL where the shared data is not at hand.
static struct value *load_tables(void)
{
    const char *folder = getenv("SEALIFT_CONFORMANCE");
    cleanup_free char *path =
        path_join(folder != NULL ? folder : TEST_CONFORMANCE, "tables-kustomize.json");
    if (!file_exists(path))
        return NULL;
    cleanup_free char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 16 << 20, &text, &size, NULL), 0);
    // One row holds half a character, which jansson refuses.
    for (char *half = text; (half = strstr(half, "\\udc")) != NULL;)
        memcpy(half, "\\u00", 4);
    return value_from_text(text);
}

static const struct value *find_table(const struct value *tables, const char *ending)
{
    const char *key = NULL;
    struct value *table = NULL;
    value_foreach (tables, key, table)
        if (strlen(key) > strlen(ending) && strcmp(key + strlen(key) - strlen(ending), ending) == 0)
            return table;
    fail_msg("the tables have no %s", ending);
    return NULL;
}

static void check_hashes(const struct value *table, const char *field)
{
    for (size_t i = 0; i < value_array_size(table); i++) {
        const struct value *row = value_array_get(table, i);
        cleanup_value struct value *object = from_yaml(value_text(row, field));
        char hash[KUSTOMIZE_HASH_SIZE];
        assert_int_equal(kustomize_hash(object, hash, NULL), 0);
        assert_string_equal(hash, value_text(row, "hash"));
    }
}

static void check_env_files(const struct value *table)
{
    for (size_t i = 0; i < value_array_size(table); i++) {
        const struct value *row = value_array_get(table, i);
        if (value_bool_at(row, "expectedErr", false))
            continue; // its bad bytes did not survive the way through JSON
        const char *text = value_text(row, "content");
        cleanup_vec struct vec pairs = KEY_VALUES;
        assert_int_equal(key_values_parse_env(&pairs, text, strlen(text), NULL), 0);
        const struct value *expected = value_object_get(row, "expectedPairs");
        assert_int_equal(pairs.len, value_array_size(expected));
        for (size_t j = 0; j < pairs.len; j++) {
            const struct key_value *pair = vec_at(&pairs, j);
            assert_string_equal(pair->key, value_text(value_array_get(expected, j), "Key"));
            assert_string_equal(pair->value, value_text(value_array_get(expected, j), "Value"));
        }
    }
}

static void check_expansion(const struct value *table)
{
    cleanup_value struct value *values =
        from_yaml("{VAR_A: A, VAR_B: B, VAR_C: C, VAR_REF: $(VAR_A), "
                  "VAR_EMPTY: ''}");
    for (size_t i = 0; i < value_array_size(table); i++) {
        const struct value *row = value_array_get(table, i);
        const char *text = value_text(row, "input");
        cleanup_value struct value *used = value_object();
        cleanup_value struct value *expanded = vars_expand(text, strlen(text), values, used);
        assert_string_equal(value_string_value(expanded), value_text(row, "expected"));
        assert_int_equal(value_object_size(used),
                         value_object_size(value_object_get(row, "counts")));
    }
}

static void test_tables_of_kustomize_agree(void **state)
{
    (void)state;
    cleanup_value struct value *tables = load_tables();
    if (tables == NULL) {
        printf("no tables-kustomize.json: set SEALIFT_CONFORMANCE to the conformance data\n");
        skip();
    }
    check_hashes(find_table(tables, ":TestConfigMapHash:cases"), "cmYaml");
    check_hashes(find_table(tables, ":TestSecretHash:cases"), "secretYaml");
    check_env_files(find_table(tables, ":TestKeyValuesFromLines:tests"));
    check_expansion(find_table(tables, "expand_test.go:TestMapping:cases"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gojson_writes_as_go),
        cmocka_unit_test(test_hash_follows_content_alone),
        cmocka_unit_test(test_env_files_are_read_as_kustomize_does),
        cmocka_unit_test(test_env_files_are_refused),
        cmocka_unit_test(test_literals_lose_one_pair_of_quotes),
        cmocka_unit_test(test_file_sources_have_a_key),
        cmocka_unit_test(test_vars_are_expanded),
        cmocka_unit_test(test_vars_read_fields),
        cmocka_unit_test(test_tables_of_kustomize_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
