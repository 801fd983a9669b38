#include "render/kustomize/strategic_merge.h"

#include "kustomize_fixture.h"

// Consumes target; NULL when the patch removed it.
static struct value *merge(struct schema *schema, struct value *target, const char *patch_text)
{
    cleanup_value struct value *patch = yaml_value(patch_text);
    cleanup_error struct error err = {0};
    struct value *merged = NULL;
    if (strategic_merge(schema, target, patch, &merged, &err) < 0)
        fail_msg("%s", error_message(&err));
    value_decref(target);
    return merged;
}

static void assert_merges(const char *target, const char *patch, const char *expected)
{
    cleanup_schema struct schema *schema = schema_new();
    cleanup_value struct value *merged = merge(schema, yaml_value(target), patch);
    if (expected == NULL) {
        assert_null(merged);
        return;
    }
    assert_non_null(merged);
    assert_yaml_equal(merged, expected);
}

#define POD "apiVersion: v1\nkind: Pod\n"
#define CUSTOM "apiVersion: example.com/v1\nkind: Foo\n"

// Every expectation here is what kustomize 5.8.1 prints.
static void test_kustomize_merge_as_kyaml(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *patch;
        const char *expected;
    } cases[] = {
        // Maps merge, scalars are replaced, null removes.
        {CUSTOM "spec: {a: 1, b: 2, c: {d: 3}}", CUSTOM "spec: {b: 5, c: {e: 4}, a: null}",
         CUSTOM "spec: {b: 5, c: {d: 3, e: 4}}"},
        // Nulls inside what the patch adds go too; a null that the target wrote out stays, an empty
        // value does not.
        {CUSTOM "spec:\n  a: null\n  b:\n", CUSTOM "spec: {c: {d: null, e: 1}}",
         CUSTOM "spec: {a: null, c: {e: 1}}"},
        // Lists without a schema are replaced, nulls in them stay.
        {CUSTOM "spec: {l: [{name: a, v: 1}]}", CUSTOM "spec: {l: [{name: b}]}",
         CUSTOM "spec: {l: [{name: b}]}"},
        // Keyed lists: the patch's elements come first.
        {POD "spec: {containers: [{name: a, image: x}, {name: b}]}",
         POD "spec: {containers: [{name: c}, {name: b, image: y}]}",
         POD "spec: {containers: [{name: c}, {name: b, image: y}, {name: a, image: x}]}"},
        {POD "spec: {containers: [{name: a}, {name: b}]}",
         POD "spec: {containers: [{name: a, $patch: delete}]}",
         POD "spec: {containers: [{name: b}]}"},
        {POD "spec: {containers: [{name: a}, {name: b}]}",
         POD "spec: {containers: [{$patch: replace}, {name: c}]}",
         POD "spec: {containers: [{name: c}]}"},
        {POD "spec: {containers: [{name: a}]}", POD "spec: {containers: [{$patch: delete}]}",
         POD "spec: {}"},
        // Two keys, one of them absent in the patch: its element is lost, as in kustomize.
        {POD "spec: {containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}]}]}",
         POD "spec: {containers: [{name: a, ports: [{containerPort: 80, name: http}]}]}",
         POD "spec: {containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}]}]}"},
        // The target's own doubles become one.
        {"apiVersion: v1\nkind: Service\nspec: {ports: [{port: 1, name: a}, {port: 1, name: b}]}",
         "apiVersion: v1\nkind: Service\nspec: {}",
         "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 1, name: b}]}"},
        // Lists of scalars that are sets.
        {POD "metadata: {finalizers: [a, b]}", POD "metadata: {finalizers: [c, b]}",
         POD "metadata: {finalizers: [c, b, a]}"},
        // Directives for maps and for the whole object.
        {CUSTOM "spec: {a: 1, b: {c: 2}}", CUSTOM "spec: {$patch: replace, d: 3}",
         CUSTOM "spec: {d: 3}"},
        {CUSTOM "spec: {a: 1, b: {c: 2}}", CUSTOM "spec: {b: {$patch: delete}}",
         CUSTOM "spec: {a: 1}"},
        {CUSTOM "spec: {a: 1}", CUSTOM "$patch: delete", NULL},
        // An object inside an object of an unknown kind brings its schema.
        {CUSTOM "spec:\n  pod: {apiVersion: v1, kind: Pod, spec: {volumes: [{name: a}]}}",
         CUSTOM "spec:\n  pod: {apiVersion: v1, kind: Pod, spec: {volumes: [{name: b}]}}",
         CUSTOM "spec:\n  pod: {apiVersion: v1, kind: Pod, spec: {volumes: [{name: b}, {name: "
                "a}]}}"},
        // What was quoted stays quoted.
        {CUSTOM "spec: {a: \"1\", b: x, c: 5}", CUSTOM "spec: {a: 2, b: 3, c: \"6\"}",
         CUSTOM "spec: {a: \"2\", b: 3, c: \"6\"}"},
        // Not implemented by kyaml, hence members like any other.
        {CUSTOM "spec: {l: [a]}", CUSTOM "spec: {$setElementOrder/l: [a]}",
         CUSTOM "spec: {l: [a], $setElementOrder/l: [a]}"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_merges(cases[i].target, cases[i].patch, cases[i].expected);
}

static void test_kustomize_merge_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *patch;
        const char *message;
    } cases[] = {
        {CUSTOM "spec: {a: {b: 1}}", CUSTOM "spec: {a: 1}",
         "spec.a: a mapping and a scalar cannot be merged; make both the same"},
        {CUSTOM "spec: {a: [1]}", CUSTOM "spec: {a: {b: 1}}",
         "spec.a: a list and a mapping cannot be merged; make both the same"},
        {POD "spec: {containers: [{name: a}]}", POD "spec: {containers: [{name: a, $patch: drop}]}",
         "spec.containers[]: $patch is \"drop\"; it may be delete, replace or merge"},
    };
    cleanup_schema struct schema *schema = schema_new();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_value struct value *target = yaml_value(cases[i].target);
        cleanup_value struct value *patch = yaml_value(cases[i].patch);
        cleanup_error struct error err = {0};
        struct value *merged = NULL;
        assert_int_equal(strategic_merge(schema, target, patch, &merged, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_string_equal(error_message(&err), cases[i].message);
    }
}

static const char openapi_text[] =
    "definitions:\n"
    "  foo:\n"
    "    properties:\n"
    "      spec: {$ref: '#/definitions/spec'}\n"
    "    x-kubernetes-group-version-kind: [{group: example.com, version: v1, kind: Foo}]\n"
    "  spec:\n"
    "    properties:\n"
    "      l:\n"
    "        type: array\n"
    "        items: {type: object}\n"
    "        x-kubernetes-patch-strategy: merge\n"
    "        x-kubernetes-patch-merge-key: id\n";

static void test_kustomize_merge_with_a_document(void **state)
{
    (void)state;
    cleanup_schema struct schema *schema = schema_new();
    assert_int_equal(
        schema_set_document(schema, openapi_text, strlen(openapi_text), "schema.yaml", NULL), 0);
    cleanup_value struct value *merged = merge(
        schema, yaml_value(CUSTOM "spec: {l: [{id: a, v: 1}]}"), CUSTOM "spec: {l: [{id: b}]}");
    cleanup_free char *got = yaml_text(merged);
    assert_string_equal(got, CUSTOM "spec:\n  l:\n  - id: b\n  - id: a\n    v: 1\n");
    // It took the place of the built-in kinds.
    cleanup_value struct value *pod =
        merge(schema, yaml_value(POD "spec: {containers: [{name: a}]}"),
              POD "spec: {containers: [{name: b}]}");
    cleanup_free char *replaced = yaml_text(pod);
    assert_string_equal(replaced, POD "spec:\n  containers:\n  - name: b\n");
}

static void test_kustomize_merge_knows_one_version(void **state)
{
    (void)state;
    cleanup_schema struct schema *schema = schema_new();
    cleanup_error struct error err = {0};
    assert_int_equal(schema_set_version(schema, "v1.20.4", &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(schema_set_version(schema, "v1.21.2", NULL), 0);
}

// The short way through a list costs its length.
static void test_kustomize_merge_takes_long_lists(void **state)
{
    (void)state;
    enum { ELEMENTS = 50000 };
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 8 << 20);
    strbuf_addstr(&text, POD "spec:\n  volumes:\n");
    for (int i = 0; i < ELEMENTS; i++)
        strbuf_addf(&text, "  - name: v%d\n", i);
    cleanup_schema struct schema *schema = schema_new();
    cleanup_value struct value *merged =
        merge(schema, yaml_value(text.data), POD "spec: {volumes: [{name: v7, emptyDir: {}}]}");
    assert_int_equal(
        value_array_size(value_object_get(value_object_get(merged, "spec"), "volumes")), ELEMENTS);
}

// Rows of kustomize's own tables.

static void merge_row(const char *base, const struct value *patches, const char *expected)
{
    cleanup_schema struct schema *schema = schema_new();
    cleanup_value struct value *object = yaml_value(base);
    for (size_t i = 0; i < value_array_size(patches); i++)
        object = merge(schema, object, value_string_value(value_array_get(patches, i)));
    assert_yaml_equal(object, expected);
}

static void test_kustomize_merge_rows_of_resource_test(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const struct value *rows = kustomize_table(tables, "resource_test.go:TestApplySmPatch:tests");
    const char *name = NULL;
    struct value *row = NULL;
    size_t count = 0;
    value_foreach (rows, name, row) {
        merge_row(value_text(row, "base"), value_object_get(row, "patch"),
                  value_text(row, "expected"));
        count++;
    }
    assert_int_equal(count, 14);
}

static void test_kustomize_merge_rows_of_order(void **state)
{
    (void)state;
    static const struct {
        const char *table;
        const char *base;
    } tables_of[] = {
        {"ShouldOutputListItemsInCorrectOrder",
         POD "metadata: {name: test}\nspec: {initContainers: [{name: foo}, {name: bar}]}"},
        {"ShouldOutputPrimitiveListItemsInCorrectOrder",
         POD "metadata: {name: test, finalizers: [foo, bar]}"},
    };
    cleanup_value struct value *tables = kustomize_tables();
    for (size_t i = 0; i < ARRAY_LENGTH(tables_of); i++) {
        const struct value *rows = kustomize_table(tables, tables_of[i].table);
        for (size_t j = 0; j < value_array_size(rows); j++) {
            const struct value *row = value_array_get(rows, j);
            if (value_bool_at(row, "skip", false))
                continue;
            cleanup_value struct value *patches = value_array();
            value_array_append(patches, value_object_get(row, "patch"));
            merge_row(tables_of[i].base, patches, value_text(row, "expectedOutput"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kustomize_merge_as_kyaml),
        cmocka_unit_test(test_kustomize_merge_refuses),
        cmocka_unit_test(test_kustomize_merge_with_a_document),
        cmocka_unit_test(test_kustomize_merge_knows_one_version),
        cmocka_unit_test(test_kustomize_merge_takes_long_lists),
        cmocka_unit_test(test_kustomize_merge_rows_of_resource_test),
        cmocka_unit_test(test_kustomize_merge_rows_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
