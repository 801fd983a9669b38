#include "kustomize_fixture.h"

#include "render/kustomize/frame.h"
#include "render/kustomize/field_path.h"
#include "render/kustomize/steps.h"

// The objects of a text, in a map of their own, as the tables give them: without a check of names.
static void load(struct resmap *map, const char *text)
{
    struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.kustomize = true, .written = true};
    cleanup_error struct error err = {0};
    resmap_init(map);
    if (yamlvalue_parse_all(text, strlen(text), "test", &limits, &documents, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), text);
    vec_foreach (struct yamlvalue_document, document, &documents)
        if (value_is_object(document->value))
            *(struct resource **)vec_push(&map->list) =
                resource_new(value_incref(document->value), "test", document->line);
    vec_free(&documents);
    resmap_renamed(map);
}

static char *print_map(const struct resmap *map)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    resmap_foreach (resource, map) {
        cleanup_free char *text = yaml_text(resource->value);
        strbuf_addf(&out, "%s---\n", text);
    }
    return strbuf_steal(&out);
}

static int transform(const struct value *config, struct resmap *map, struct error *err)
{
    struct build build = {0};
    struct frame frame = {.build = &build};
    return replacement_transform(&frame, config, map, err);
}

// Applies `replacements: […]`; NULL where it is refused.
static char *replace(const char *input, const char *config_text, struct error *err)
{
    cleanup_resmap struct resmap map;
    load(&map, input);
    cleanup_value struct value *config = yaml_value(config_text);
    if (transform(config, &map, err) < 0)
        return NULL;
    resmap_foreach (resource, &map)
        if (yamlvalue_settle(resource->value, err) < 0)
            return NULL;
    return print_map(&map);
}

static char *normalised(const char *text)
{
    cleanup_resmap struct resmap map;
    load(&map, text);
    return print_map(&map);
}

#define OBJECT                                                               \
    "apiVersion: v1\nkind: A\nmetadata: {name: a, labels: {app: web}}\n"     \
    "spec:\n  url: http://host/path\n  port: 80\n  on: true\n  none: null\n" \
    "  list:\n  - {name: x, v: 1}\n  - {name: y, v: 2}\n  args: [--a, --b]\n"

static void assert_replaced(const char *from, const char *target, const char *expected_spec)
{
    cleanup_free char *config = xasprintf("replacements:\n- source: {kind: A, %s}\n  targets:\n  - "
                                          "{select: {kind: A}, %s}\n",
                                          from, target);
    cleanup_error struct error err = {0};
    cleanup_resmap struct resmap map;
    load(&map, OBJECT);
    cleanup_value struct value *value = yaml_value(config);
    if (transform(value, &map, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), config);
    struct resource *resource = *(struct resource **)vec_at(&map.list, 0);
    assert_yaml_equal(value_object_get(resource->value, "spec"), expected_spec);
}

static void test_kustomize_replacement_writes(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *target;
        const char *expected;
    } cases[] = {
#define REST "on: true, none: null, args: [--a, --b]"
#define LIST "list: [{name: x, v: 1}, {name: y, v: 2}]"
        // Types stay: text into a number must be one, a number into text becomes text.
        {"fieldPath: spec.port", "fieldPaths: [spec.url]",
         "{url: \"80\", port: 80, " LIST ", " REST "}"},
        // A condition is a regular expression in a target, and text in a source.
        {"fieldPath: 'spec.list.[name=y].v'", "fieldPaths: ['spec.list.[name=.*].v']",
         "{url: http://host/path, port: 80, list: [{name: x, v: 2}, {name: y, v: 2}], " REST "}"},
        {"fieldPath: spec.list.0.v", "fieldPaths: ['spec.list.*.v']",
         "{url: http://host/path, port: 80, list: [{name: x, v: 1}, {name: y, v: 1}], " REST "}"},
        // Pieces of text.
        {"fieldPath: metadata.name", "fieldPaths: [spec.url], options: {delimiter: /, index: 2}",
         "{url: http://a/path, port: 80, " LIST ", " REST "}"},
        {"fieldPath: metadata.name", "fieldPaths: [spec.url], options: {delimiter: /, index: 9}",
         "{url: http://host/path/a, port: 80, " LIST ", " REST "}"},
        {"fieldPath: metadata.name", "fieldPaths: [spec.url], options: {delimiter: /, index: -1}",
         "{url: a/http://host/path, port: 80, " LIST ", " REST "}"},
        {"fieldPath: spec.url, options: {delimiter: /, index: 2}", "fieldPaths: [spec.url]",
         "{url: host, port: 80, " LIST ", " REST "}"},
        // What is made takes the type that the text has.
        {"fieldPath: spec.port", "fieldPaths: [spec.new.deep], options: {create: true}",
         "{url: http://host/path, port: 80, new: {deep: 80}, " LIST ", " REST "}"},
        {"fieldPath: spec.port", "fieldPaths: ['spec.list.[name=z].v'], options: {create: true}",
         "{url: http://host/path, port: 80, list: [{name: x, v: 1}, {name: y, v: 2}, {name: z, v: "
         "80}], " REST "}"},
        {"fieldPath: metadata.name", "fieldPaths: [spec.args.2], options: {create: true}",
         "{url: http://host/path, port: 80, " LIST ", on: true, none: null, args: [--a, --b, a]}"},
        // Whole values.
        {"fieldPath: spec.args", "fieldPaths: [spec.list]",
         "{url: http://host/path, port: 80, list: [--a, --b], " REST "}"},
        // Below a null kustomize makes something that nobody sees.
        {"fieldPath: spec.port", "fieldPaths: [spec.none.deep], options: {create: true}",
         "{url: http://host/path, port: 80, " LIST ", " REST "}"},
#undef LIST
#undef REST
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_replaced(cases[i].from, cases[i].target, cases[i].expected);
}

static void test_kustomize_replacement_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *message;
    } cases[] = {
        {"replacements: [{targets: []}]",
         "a replacement has a source (or a sourceValue) and at least one target"},
        {"replacements: [{source: {kind: B, name: b}, targets: [{}]}]",
         "no object is the source (kind B, name b); check its kind and name (they are compared as "
         "they are, without wildcards)"},
        {"replacements: [{source: {kind: A, fieldPath: spec.gone}, targets: [{}]}]",
         "A \"a\" has nothing at the fieldPath spec.gone"},
        {"replacements: [{sourceValue: x, targets: [{fieldPaths: [spec.url]}]}]",
         "targets[0]: select is not set; say which objects are meant"},
        {"replacements: [{sourceValue: x, targets: [{select: {kind: A}, fieldPaths: "
         "[spec.gone]}]}]",
         "targets[0]: A \"a\": field spec.gone: there is no such field; options.create makes it"},
        {"replacements: [{sourceValue: x, targets: [{select: {kind: A}, fieldPaths: "
         "[spec.port]}]}]",
         "spec.port: \"x\" stands where an integer is; put quotes around the value that was there "
         "to make it text"},
        {"replacements: [{sourceValue: x, targets: [{select: {kind: '('}, fieldPaths: [a]}]}]",
         "targets[0]: select: kind: the regular expression \"^(?:()$\" at 7: missing closing "
         "parenthesis"},
        {"replacements: [{sourceValue: x, targets: [{select: {kind: A}, fieldPaths: "
         "[spec.list.7.v]}]}]",
         "targets[0]: A \"a\": field spec.list.7.v: the index 7 is beyond a list of 2"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        cleanup_free char *out = replace(OBJECT, cases[i].config, &err);
        assert_null(out);
        // What cannot be is found at once, or when the object gets its types at the end.
        bool at_end = strncmp(cases[i].message, "spec.", strlen("spec.")) == 0;
        cleanup_free char *message =
            xasprintf("%s%s", at_end ? "" : "replacements[0]: ", cases[i].message);
        assert_string_equal(error_message(&err), message);
    }
}

static void test_kustomize_replacement_into_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected; // NULL: refused
    } cases[] = {
        {"{\"b\": 1, \"a\": {\"x\": \"<\"}}", "{\"a\":{\"x\":\"new\"},\"b\":1}"},
        {"{\n  \"a\": {\n    \"x\": \"\"\n  }\n}", "{\n  \"a\": {\n    \"x\": \"new\"\n  }\n}"},
        {"b: 'q'\na:\n    x: \"old\"\n    l:\n      - 1\n",
         "b: 'q'\na:\n  x: \"new\"\n  l:\n  - 1"},
        {"a: {x: old, y: [1, 2]}", "a: {x: new, y: [1, 2]}"},
        {"# why\na: {x: old} # here", "# why\na: {x: new} # here"},
        {"a: {x: 5}", "a: {x: !!int new}"},
        {"b: &b {c: 1}\na:\n    x: &x old\nd: *x\ne: *b",
         "b: &b {c: 1}\na:\n  x: &x new\nd: *x\ne: *b"},
        {"a:\n  x: old\n  # below\nb: 1", "a:\n  x: new\n  # below\nb: 1"},
        {"# top\n\na:\n  x: old\n\n# one\n\n# two\nb: 1\n\n# end",
         "# top\n\na:\n  x: new\n# one\n\n# two\nb: 1\n\n# end"},
        {"a:\n  x: old\n# below", NULL},
        {"a:\n  x: old\nb: >\n  one\n  two\nc: 1\n", "a:\n  x: new\nb: >\n  one two\n\nc: 1"},
        {"a:\n  x: old\nb: |+\n  one\n\nc: 1\n", "a:\n  x: new\nb: |+\n  one\n\nc: 1"},
        {"a:\n  x: old\nb: \"\xEE\x80\x80\"\nc: >\n  one\nd: 1\n",
         "a:\n  x: new\nb: \"\xEE\x80\x80\"\nc: >\n  one\nd: 1"},
        {"<<: {b: 1}\na: {x: !!str old}", "!!merge <<: {b: 1}\na: {x: !!str new}"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_resmap struct resmap map;
        load(&map, "kind: C\nmetadata: {name: c}\n");
        struct resource *resource = *(struct resource **)vec_at(&map.list, 0);
        value_object_set_new(resource->value, "data",
                             value_object_of("f.yaml", value_string(cases[i].text), NULL));
        cleanup_value struct value *config =
            yaml_value("replacements: [{sourceValue: new, targets: [{select: {kind: C}, "
                       "fieldPaths: ['data.f\\.yaml.a.x']}]}]");
        cleanup_error struct error err = {0};
        int status = transform(config, &map, &err);
        assert_int_equal(status, cases[i].expected == NULL ? -1 : 0);
        const struct value *text =
            value_object_get(value_object_get(resource->value, "data"), "f.yaml");
        assert_string_equal(value_string_value(text),
                            cases[i].expected != NULL ? cases[i].expected : cases[i].text);
    }
}

// What takes the place of a mapping or list comes with its own quotes, and nothing of the old
// stays.
static void test_kustomize_replacement_of_mappings_in_text(void **state)
{
    (void)state;
    static const char object[] =
        "kind: C\nmetadata:\n  name: c\nfrom:\n  double: \"needless\"\n  single: 'needless'\n"
        "  digit: '5'\n  bare: plain\n  block: |-\n    one\n  map:\n    x: \"1\"\n    y: 'z'\n"
        "data:\n  f.yaml: |\n    a:\n      b: {c: 1}\n      l: [1]\n";
    static const struct {
        const char *source;
        const char *target;
        const char *expected;
    } cases[] = {
        {"double", "a.b", "a:\n  b: \"needless\"\n  l: [1]"},
        {"single", "a.b", "a:\n  b: 'needless'\n  l: [1]"},
        {"digit", "a.l", "a:\n  b: {c: 1}\n  l: '5'"},
        {"bare", "a", "a: plain"},
        {"block", "a", "a: |-\n  one"},
        {"map", "a.b", "a:\n  b:\n    x: \"1\"\n    y: 'z'\n  l: [1]"},
        {"map", "a.l", "a:\n  b: {c: 1}\n  l:\n    x: \"1\"\n    y: 'z'"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_resmap struct resmap map;
        load(&map, object);
        cleanup_free char *text = xasprintf(
            "replacements: [{source: {kind: C, fieldPath: from.%s}, targets: [{select: {kind: C}, "
            "fieldPaths: ['data.f\\.yaml.%s']}]}]",
            cases[i].source, cases[i].target);
        cleanup_value struct value *config = yaml_value(text);
        cleanup_error struct error err = {0};
        if (transform(config, &map, &err) < 0)
            fail_msg("row %zu: %s", i, error_message(&err));
        const struct resource *resource = *(struct resource **)vec_at(&map.list, 0);
        const struct value *got =
            value_object_get(value_object_get(resource->value, "data"), "f.yaml");
        assert_string_equal(value_string_value(got), cases[i].expected);
    }
}

// ---- rows of kustomize's own tables ----

// Rows that say something else than kustomize 5.8.1, or need what only it has.
static bool is_left_out(const char *name)
{
    static const char *const names[] = {
        "using a previous ID", // in annotations, which are members here
        // Delimiters inside such text came after 5.8.1.
        "replacement yaml substring options",
        "replacement json substring options",
        "replacement yaml substring out of bounds",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool row_agrees(const char *name, const struct value *row)
{
    cleanup_error struct error err = {0};
    cleanup_free char *got =
        replace(value_text(row, "input"), value_text(row, "replacements"), &err);
    if (*value_text_or(row, "expectedErr", "") != '\0') {
        if (got != NULL)
            printf("%s: not refused\n", name);
        return got == NULL;
    }
    cleanup_free char *wanted = normalised(value_text(row, "expected"));
    if (got != NULL && strcmp(got, wanted) == 0)
        return true;
    printf("%s: %s\nwanted:\n%s\n", name, got != NULL ? got : error_message(&err), wanted);
    return false;
}

static void test_kustomize_replacement_rows(void **state)
{
    (void)state;
    static const char *const tables_of[] = {"replacement_test.go:TestFilter:",
                                            "replacement_test.go:TestValueInlineStructuredData:"};
    cleanup_value struct value *tables = kustomize_tables();
    size_t different = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(tables_of); i++) {
        const char *name = NULL;
        struct value *row = NULL;
        value_foreach (kustomize_table(tables, tables_of[i]), name, row)
            different += !is_left_out(name) && !row_agrees(name, row);
    }
    assert_int_equal(different, 0);
}

static void test_kustomize_field_path_rows(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const struct value *rows = kustomize_table(tables, "TestSmarterPathSplitter");
    const char *name = NULL;
    struct value *row = NULL;
    value_foreach (rows, name, row) {
        cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
        assert_int_equal(field_path_split(value_text(row, "input"), &parts, NULL), 0);
        const struct value *expected = value_object_get(row, "expected");
        assert_int_equal(parts.len, value_array_size(expected));
        for (size_t i = 0; i < parts.len; i++)
            assert_string_equal(*(char **)vec_at(&parts, i),
                                value_string_value(value_array_get(expected, i)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kustomize_replacement_writes),
        cmocka_unit_test(test_kustomize_replacement_refuses),
        cmocka_unit_test(test_kustomize_replacement_into_text),
        cmocka_unit_test(test_kustomize_replacement_of_mappings_in_text),
        cmocka_unit_test(test_kustomize_replacement_rows),
        cmocka_unit_test(test_kustomize_field_path_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
