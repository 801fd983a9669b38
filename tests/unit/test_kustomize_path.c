// Field paths of replacements, and scalars that remember how they are written, held against the
// tables of kyaml's own tests.
#include "tests/unit/kustomize_fixture.h"

#include "render/kustomize/field_path.h"

// What match_test.go reads: the first table without env, the second with it.
static const char WEB[] = "apiVersion: apps/v1\n"
                          "kind: Deployment\n"
                          "metadata:\n"
                          "  name: nginx-deployment\n"
                          "  labels:\n"
                          "    app: nginx\n"
                          "spec:\n"
                          "  replicas: 3\n"
                          "  selector:\n"
                          "    matchLabels:\n"
                          "      app: nginx\n"
                          "  template:\n"
                          "    metadata:\n"
                          "      labels:\n"
                          "        app: nginx\n"
                          "    spec:\n"
                          "      containers:\n"
                          "      - name: nginx\n"
                          "        image: nginx:1.7.9\n"
                          "        args: [-c, conf.yaml]\n"
                          "        ports: [{containerPort: 80}]\n";
static const char WEB_ENV[] = "        env:\n"
                              "        - key: CONTAINER_NAME\n"
                              "          value: nginx\n";
static const char WEB_SIDECAR[] = "      - name: sidecar\n"
                                  "        image: sidecar:1.0.0\n"
                                  "        ports:\n"
                                  "        - containerPort: 8081\n"
                                  "        - containerPort: 9090\n";

static void read_path(const struct value *row, struct vec *parts)
{
    const struct value *path = value_object_get(row, "path");
    *parts = VEC_OF(char *, vec_release_string);
    for (size_t i = 0; i < value_array_size(path); i++)
        vec_push_string(parts, value_string_value(value_array_get(path, i)));
}

static struct value *matched(const struct field_matches *matches)
{
    struct value *list = value_array();
    vec_foreach (const struct field_match, match, &matches->found)
        value_array_append(list, slot_get(&match->slot));
    return list;
}

static bool same_values(const char *name, const struct value *got, const char *expected)
{
    cleanup_value struct value *wanted = *expected == '\0' ? value_array() : yaml_value(expected);
    cleanup_free char *got_text = yaml_text(got);
    cleanup_free char *wanted_text = yaml_text(wanted);
    if (strcmp(got_text, wanted_text) == 0)
        return true;
    printf("%s:\n%swanted:\n%s", name, got_text, wanted_text);
    return false;
}

static bool finds(const char *name, const char *input, const struct value *row,
                  const char *expected)
{
    cleanup_value struct value *value = yaml_value(input);
    cleanup_vec struct vec parts = VEC_OF(char *, NULL);
    cleanup_field_matches struct field_matches matches = {0};
    cleanup_error struct error err = {0};
    read_path(row, &parts);
    if (field_path_match(value, &parts, FIELD_FIND, &matches, &err) < 0) {
        printf("%s: %s\n", name, error_message(&err));
        return false;
    }
    cleanup_value struct value *list = matched(&matches);
    return same_values(name, list, expected);
}

static void test_path_rows_that_find(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const struct value *rows =
        kustomize_table(tables, "match_test.go:TestPathMatcher_Filter:updates");
    cleanup_free char *input = xasprintf("%s%s", WEB, WEB_SIDECAR);
    size_t different = 0;
    for (size_t i = 0; i < value_array_size(rows); i++) {
        const struct value *row = value_array_get(rows, i);
        cleanup_free char *name = xasprintf("row %zu", i);
        different += !finds(name, input, row, value_text_or(row, "value", ""));
    }
    const char *name = NULL;
    struct value *row = NULL;
    value_foreach (kustomize_table(tables, "TestPathMatcher_StructuredDataInScalar"), name, row)
        different +=
            !finds(name, value_text(row, "input"), row, value_text_or(row, "expected", ""));
    assert_int_equal(different, 0);
}

static bool creates(const char *name, const char *input, const struct value *row)
{
    const char *kind = value_text_or(row, "create.$unknown", "");
    const char *refused = value_text_or(row, "expectErr", "");
    enum field_create create = strstr(kind, "Mapping") != NULL    ? FIELD_CREATE_OBJECT
                               : strstr(kind, "Sequence") != NULL ? FIELD_CREATE_ARRAY
                                                                  : FIELD_CREATE_SCALAR;
    cleanup_value struct value *value = yaml_value(input);
    cleanup_vec struct vec parts = VEC_OF(char *, NULL);
    cleanup_field_matches struct field_matches matches = {0};
    cleanup_error struct error err = {0};
    read_path(row, &parts);
    int status = field_path_match(value, &parts, create, &matches, &err);
    if (status < 0 || *refused != '\0') {
        if ((status < 0) != (*refused != '\0'))
            printf("%s: %s\n", name, status < 0 ? error_message(&err) : "not refused");
        return (status < 0) == (*refused != '\0');
    }
    const struct value *wanted = value_object_get(row, "matches");
    cleanup_value struct value *list = matched(&matches);
    cleanup_value struct value *expected = value_array();
    for (size_t i = 0; i < value_array_size(wanted); i++) {
        const char *text = value_string_value(value_array_get(wanted, i));
        value_array_append_new(expected, *text == '\n' ? value_null() : yaml_value(text));
    }
    cleanup_free char *text = yaml_text(expected);
    return same_values(name, list, text);
}

static void test_path_rows_that_create(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    cleanup_free char *input = xasprintf("%s%s%s", WEB, WEB_ENV, WEB_SIDECAR);
    size_t different = 0;
    const char *name = NULL;
    struct value *row = NULL;
    value_foreach (kustomize_table(tables, "TestPathMatcher_Filter_Create"), name, row)
        different += !creates(name, input, row);
    assert_int_equal(different, 0);
}

static void test_scalar_rows_of_yaml_1_1(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const struct value *rows = kustomize_table(tables, "TestIsYaml1_1NonString");
    for (size_t i = 0; i < value_array_size(rows); i++) {
        const struct value *row = value_array_get(rows, i);
        const char *text = value_text(row, "val");
        if (yamlvalue_written_as_other(text) != value_bool_at(row, "expected", false))
            fail_msg("row %zu: \"%s\"", i, text);
    }
}

static void test_scalars_remember_how_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *scalar; // as kustomize sees it
        enum yamlvalue_tag tag;
        bool quoted;
        const char *settled;
    } rows[] = {
        {"web", "web", YAMLVALUE_TAG_STR, false, "web"},
        {"'web'", "web", YAMLVALUE_TAG_STR, true, "web"},
        {"\"5\"", "5", YAMLVALUE_TAG_STR, true, "\"5\""},
        {"5", "5", YAMLVALUE_TAG_INT, false, "5"},
        {"0644", "0644", YAMLVALUE_TAG_INT, false, "420"},
        {"1.10", "1.10", YAMLVALUE_TAG_FLOAT, false, "1.1"},
        {"1.0", "1.0", YAMLVALUE_TAG_FLOAT, false, "1"},
        {"True", "True", YAMLVALUE_TAG_BOOL, false, "true"},
        {"~", "~", YAMLVALUE_TAG_NULL, false, "null"},
        {"2001-01-01", "2001-01-01", YAMLVALUE_TAG_TIMESTAMP, false, "\"2001-01-01T00:00:00Z\""},
        {"|-\n  web", "web", YAMLVALUE_TAG_STR, true, "web"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *text = xasprintf("a: %s\n", rows[i].text);
        cleanup_free char *expected = xasprintf("a: %s\n", rows[i].settled);
        cleanup_value struct value *value = yaml_value(text);
        struct yamlvalue_written written;
        yamlvalue_written_of(value_object_get(value, "a"), &written);
        assert_string_equal(written.text, rows[i].scalar);
        assert_int_equal(written.tag, rows[i].tag);
        assert_int_equal(written.quoted, rows[i].quoted);
        assert_int_equal(yamlvalue_settle(value, NULL), 0);
        cleanup_free char *settled = yaml_text(value);
        assert_string_equal(settled, expected);
    }
}

static void test_scalars_say_what_does_not_fit(void **state)
{
    (void)state;
    cleanup_value struct value *value = value_object();
    cleanup_error struct error err = {0};
    value_object_set_new(
        value, "a",
        value_array_of((struct value *[]){yamlvalue_written_new("x", 1, YAMLVALUE_TAG_INT, false)},
                       1));
    assert_int_equal(yamlvalue_settle(value, &err), -1);
    assert_string_equal(error_message(&err), "a[0]: \"x\" stands where an integer is; put quotes "
                                             "around the value that was there to make it text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_rows_that_find),
        cmocka_unit_test(test_path_rows_that_create),
        cmocka_unit_test(test_scalar_rows_of_yaml_1_1),
        cmocka_unit_test(test_scalars_remember_how_they_are_written),
        cmocka_unit_test(test_scalars_say_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
