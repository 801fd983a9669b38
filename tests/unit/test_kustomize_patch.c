#include "kustomize_fixture.h"

#include "render/kustomize/json_patch.h"
#include "render/kustomize/label_selector.h"
#include "render/kustomize/schema.h"
#include "render/kustomize/selector.h"
#include "render/kustomize/steps.h"

static void load(struct resmap *map, const char *text)
{
    cleanup_vec struct vec resources = RESOURCES;
    cleanup_error struct error err = {0};
    resmap_init(map);
    if (resource_parse(text, strlen(text), "test", NULL, &resources, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), text);
    vec_foreach (struct resource *, resource, &resources)
        assert_int_equal(resmap_append(map, STEAL(*resource), NULL), 0);
}

static char *print_map(const struct resmap *map)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    resmap_foreach (resource, map) {
        cleanup_free char *text = yaml_text(resource->value);
        strbuf_addf(&out, "%s%s", out.len > 0 ? "---\n" : "", text);
    }
    return strbuf_steal(&out);
}

static int apply(frame_step *step, struct resmap *map, const char *config_text, struct error *err)
{
    cleanup_schema struct schema *schema = schema_new();
    struct build build = {.schema = schema};
    struct frame frame = {.build = &build};
    cleanup_value struct value *config = yaml_value(config_text);
    return step(&frame, config, map, err);
}

// ---- JSON patches by themselves ----

static int patch_json(struct value *value, const char *patch_text, struct value **ret_value,
                      struct error *err)
{
    cleanup_json_patch struct json_patch *patch = NULL;
    if (json_patch_parse(patch_text, strlen(patch_text), "patch", &patch, err) < 0)
        return -1;
    return json_patch_apply(patch, value, ret_value, err);
}

static void test_kustomize_patch_json_operations(void **state)
{
    (void)state;
    // Every expectation is what the library of kustomize 5.8.1 makes of it.
    static const struct {
        const char *value;
        const char *patch;
        const char *expected; // NULL: refused
    } cases[] = {
        {"{a: 1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":{\"c\":2}}]", "{a: 1, b: {c: 2}}"},
        {"{a: [1, 2]}", "- {op: add, path: /a/-, value: 3}", "{a: [1, 2, 3]}"},
        {"{a: [1, 2]}", "- {op: add, path: /a/0, value: 0}", "{a: [0, 1, 2]}"},
        {"{a: [1, 2]}", "- {op: add, path: /a/-1, value: 3}", "{a: [1, 2, 3]}"},
        {"{a: [1, 2]}", "- {op: remove, path: /a/-1}", "{a: [1]}"},
        {"{a: [1, 2]}", "- {op: add, path: /a/3, value: 3}", NULL},
        {"{a: [1, 2]}", "- {op: replace, path: /a/1, value: null}", "{a: [1, null]}"},
        {"{a: 1}", "- {op: replace, path: /b, value: 2}", "{a: 1, b: 2}"},
        {"{a: 1}", "- {op: remove, path: /b}", NULL},
        {"{a: 1}", "- {op: add, path: /b/c, value: 2}", NULL},
        {"{a: {b: 1}}", "- {op: move, from: /a/b, path: /c}", "{a: {}, c: 1}"},
        {"{a: {b: 1}}", "- {op: copy, from: /a, path: /c}", "{a: {b: 1}, c: {b: 1}}"},
        {"{a: 1}", "- {op: copy, from: /gone, path: /c}", "{a: 1, c: null}"},
        {"{a: {b: [1, x]}}", "- {op: test, path: /a, value: {b: [1, x]}}", "{a: {b: [1, x]}}"},
        {"{a: 1}", "- {op: test, path: /a, value: \"1\"}", NULL},
        {"{a: 1}", "- {op: test, path: /gone, value: null}", "{a: 1}"},
        {"{a/b: 1, m~n: 2}", "- {op: remove, path: /a~1b}\n- {op: remove, path: /m~0n}", "{}"},
        {"{~1: 1}", "- {op: remove, path: /~01}", "{}"},
        {"{a: 1}", "- {op: add, path: b, value: 2}", NULL},
        {"{a: 1}", "- {op: replace, path: '', value: {b: 2}}", "{b: 2}"},
        {"{a: 1}", "- {op: replace, path: '', value: [1]}", NULL},
        {"{a: 1}", "- {op: add, path: /b, value: yes}", "{a: 1, b: true}"},
        {"{a: 9007199254740993}", "- {op: add, path: /b, value: 1.0}",
         "{a: 9007199254740992, b: 1}"},
        {"{a: 1}", "- {op: increment, path: /a}", NULL},
        {"{a: 1}", "- {path: /a}", NULL},
        {"{a: 1}", "{op: add, path: /b}", NULL},
        {"{a: 1}", "[{op: add, path: /b}]", NULL},
        {"{a: 1}", "[]", "{a: 1}"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_value struct value *value = yaml_value(cases[i].value);
        cleanup_value struct value *patched = NULL;
        cleanup_error struct error err = {0};
        int status = patch_json(value, cases[i].patch, &patched, &err);
        if (status != (cases[i].expected == NULL ? -1 : 0))
            fail_msg("%s: %s", cases[i].patch, error_message(&err));
        if (cases[i].expected != NULL)
            assert_yaml_equal(patched, cases[i].expected);
    }
}

static void test_kustomize_patch_json_says_where(void **state)
{
    (void)state;
    cleanup_value struct value *value = yaml_value("{a: [1]}");
    cleanup_value struct value *patched = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(patch_json(value,
                                "- {op: add, path: /b, value: 1}\n- {op: remove, path: /a/7}",
                                &patched, &err),
                     -1);
    assert_string_equal(error_message(&err),
                        "operation 1 (remove /a/7): the index 7 is outside the list");
}

static void test_kustomize_patch_json_rows(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const struct value *rows = kustomize_table(tables, "patchjson6902_test.go:TestSomething");
    assert_int_equal(value_array_size(rows), 4);
    for (size_t i = 0; i < value_array_size(rows); i++) {
        const struct value *row = value_array_get(rows, i);
        cleanup_value struct value *value = yaml_value(value_text(row, "input"));
        cleanup_value struct value *patched = NULL;
        const char *text = value_text(row, "filter.Patch");
        // The filter looks at the first character as it is.
        text += *text == '\n' && text[1] == '[';
        assert_int_equal(patch_json(value, text, &patched, NULL), 0);
        assert_yaml_equal(patched, value_text(row, "expectedOutput"));
    }
}

// ---- selectors ----

static void test_kustomize_patch_label_selectors(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        int matches; // -1: refused
    } cases[] = {
        {"", 1},
        {"app=web", 1},
        {"app==web,tier!=db", 1},
        {"app", 1},
        {"!app", 0},
        {"!gone", 1},
        {"app in (api, web)", 1},
        {"app notin (api,web)", 0},
        {"gone notin (x)", 1},
        {"gone in (x)", 0},
        {"n>4", 1},
        {"n<4", 0},
        {"n>x", -1},
        {"app in ()", 0},
        {"empty in (,x)", 1},
        {"empty=", 1},
        {"in=notin", 0},
        {" app = web ", 1},
        {"app=", 0},
        {".*", -1},
        {"app=web,", -1},
        {",app", -1},
        {"app in web", -1},
        {"app in (web", -1},
        {"!app=web", -1},
        {"app=a b", -1},
        {"example.com/x=1", 0},
        {"/x", -1},
        {"app=-x", -1},
    };
    cleanup_value struct value *labels = yaml_value("{app: web, n: 5, empty: \"\"}");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_label_selector struct label_selector selector = {0};
        int status = label_selector_parse(cases[i].selector, &selector, NULL);
        if (status < 0 || cases[i].matches < 0) {
            if (status != -1 || cases[i].matches != -1)
                fail_msg("\"%s\": %d", cases[i].selector, status);
            continue;
        }
        if (label_selector_matches(&selector, labels) != (cases[i].matches == 1))
            fail_msg("\"%s\"", cases[i].selector);
    }
}

static void test_kustomize_patch_label_selector_rows(void **state)
{
    (void)state;
    static const struct {
        const char *table;
        const char *labels;
    } tables_of[] = {
        {"TestRNodeMatchesLabelSelector", "{fruit: apple, veggie: carrot}"},
        {"TestRNodeMatchesAnnotationSelector", "{area: \"51\", greeting: Take me to your leader.}"},
    };
    cleanup_value struct value *tables = kustomize_tables();
    for (size_t i = 0; i < ARRAY_LENGTH(tables_of); i++) {
        cleanup_value struct value *labels = yaml_value(tables_of[i].labels);
        const char *name = NULL;
        struct value *row = NULL;
        value_foreach (kustomize_table(tables, tables_of[i].table), name, row) {
            cleanup_label_selector struct label_selector selector = {0};
            int status = label_selector_parse(value_text(row, "selector"), &selector, NULL);
            assert_int_equal(status, *value_text(row, "errMsg") == '\0' ? 0 : -1);
            if (status == 0)
                assert_int_equal(label_selector_matches(&selector, labels),
                                 value_bool_at(row, "matches", false));
        }
    }
}

// setupRMForPatchTargets of kustomize's test.
static const char targets_text[] =
    "apiVersion: group1/v1\nkind: Kind1\n"
    "metadata: {name: name1, namespace: ns1, labels: {app: name1}, annotations: {foo: bar}}\n"
    "---\napiVersion: group1/v1\nkind: Kind1\n"
    "metadata: {name: name2, namespace: default, labels: {app: name2}, annotations: {foo: bar}}\n"
    "---\napiVersion: group1/v1\nkind: Kind2\n"
    "metadata: {name: name3, labels: {app: name3}, annotations: {bar: baz}}\n"
    "---\napiVersion: group1/v1\nkind: Kind2\nmetadata: {name: x-name1, namespace: x-default}\n";

static void set_text(struct value *config, const char *field, const char *text)
{
    if (text != NULL)
        value_object_set_new(config, field, value_string(text));
}

static void test_kustomize_patch_target_rows(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    cleanup_resmap struct resmap map;
    load(&map, targets_text);
    const char *name = NULL;
    struct value *row = NULL;
    value_foreach (kustomize_table(tables, "TestFindPatchTargets"), name, row) {
        cleanup_value struct value *config = value_object();
        set_text(config, "name", value_text(row, "target.ResId.Name"));
        set_text(config, "namespace", value_text(row, "target.ResId.Namespace"));
        set_text(config, "kind", value_text(row, "target.ResId.Gvk.Kind"));
        set_text(config, "labelSelector", value_text(row, "target.LabelSelector"));
        set_text(config, "annotationSelector", value_text(row, "target.AnnotationSelector"));
        cleanup_selector struct selector *selector = NULL;
        cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
        assert_int_equal(selector_new(config, &selector, NULL), 0);
        assert_int_equal(selector_select(selector, &map, &found, NULL), 0);
        if ((int64_t)found.len != value_int_at(row, "count", -1))
            fail_msg("%s: %zu", name, found.len);
    }
}

// ---- patches of a kustomization ----

#define WEB                                                           \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n" \
    "  labels:\n    app: web\nspec:\n  replicas: 1\n"
#define API "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\nspec:\n  type: ClusterIP\n"

static void test_kustomize_patch_transforms(void **state)
{
    (void)state;
    static const struct {
        frame_step *step;
        const char *config;
        const char *expected;
    } cases[] = {
        {patch_transform,
         "patch: \"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: "
         "3}}\"",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 3\n---\n" API},
        // The name of a patch with a target does not matter, nor does its kind.
        {patch_transform,
         "target: {name: a.*}\npatch: \"{kind: X, metadata: {name: any}, spec: {type: null}}\"",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n---\n"
         "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\nspec: {}\n"},
        // With a target, a label that is null becomes text.
        {patch_transform,
         "target: {kind: Deployment}\npatch: \"{kind: X, metadata: {name: any, labels: {app: "
         "null}}}\"",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: \"null\"\n"
         "  name: web\nspec:\n  replicas: 1\n---\n" API},
        {patch_transform,
         "patch: \"{$patch: delete, kind: Service, apiVersion: v1, metadata: {name: "
         "api}}\"",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n"},
        {patch_transform,
         "target: {kind: Service}\noptions: {allowNameChange: true}\n"
         "patch: \"{kind: X, metadata: {name: new}}\"",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n---\n"
         "apiVersion: v1\nkind: Service\nmetadata:\n  name: new\nspec:\n  type: ClusterIP\n"},
        {patch_transform,
         "target: {labelSelector: app=web}\n"
         "patch: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 2}]'",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 2\n---\n" API},
        // Nothing selected is nothing to do.
        {patch_transform, "target: {kind: Gone}\npatch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n---\n" API},
        {patch_strategic_transform,
         "paths: [\"{kind: Service, apiVersion: v1, metadata: {name: api}, spec: {type: x}}\"]",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n---\n"
         "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\nspec:\n  type: x\n"},
        {patch_json6902_transform,
         "target: {kind: Service, name: api}\njsonOp: '[{\"op\": \"remove\", \"path\": "
         "\"/spec\"}]'",
         "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    app: web\n  name: web\n"
         "spec:\n  replicas: 1\n---\n"
         "apiVersion: v1\nkind: Service\nmetadata:\n  name: api\n"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_resmap struct resmap map;
        cleanup_error struct error err = {0};
        load(&map, WEB "---\n" API);
        if (apply(cases[i].step, &map, cases[i].config, &err) < 0)
            fail_msg("%s\n%s", error_message(&err), cases[i].config);
        cleanup_free char *got = print_map(&map);
        assert_string_equal(got, cases[i].expected);
    }
}

// An annotation can be added where kustomize keeps notes of its own, in vain before.
static void test_kustomize_patch_lends_annotations(void **state)
{
    (void)state;
    static const char operations[] =
        "'[{\"op\": \"add\", \"path\": \"/metadata/annotations/a\", \"value\": 5}]'";
    cleanup_resmap struct resmap map;
    load(&map, API);
    cleanup_error struct error err = {0};
    cleanup_free char *legacy = xasprintf("target: {name: api}\njsonOp: %s", operations);
    cleanup_free char *config = xasprintf("target: {name: api}\npatch: %s", operations);
    assert_int_equal(apply(patch_json6902_transform, &map, legacy, &err), -1);
    assert_int_equal(apply(patch_transform, &map, config, &err), 0);
    cleanup_free char *got = print_map(&map);
    assert_string_equal(got, "apiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n"
                             "    a: \"5\"\n  name: api\nspec:\n  type: ClusterIP\n");
}

static void test_kustomize_patch_refuses(void **state)
{
    (void)state;
    static const struct {
        frame_step *step;
        const char *config;
        const char *message;
    } cases[] = {
        {patch_transform, "{}", "neither path nor patch is set; set one of them"},
        {patch_transform, "{path: a, patch: b}", "path and patch are both set; keep one of them"},
        {patch_transform, "patch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'",
         "patch is a JSON patch, which names no object; add a target"},
        {patch_transform,
         "patch: \"{apiVersion: apps/v1, kind: Deployment, metadata: {name: wep}}\"",
         "the strategic merge patch patch:1: no object is Deployment.apps \"wep\" (did you mean "
         "Deployment.apps \"web\"?)"},
        {patch_transform,
         "target: {name: w.*}\npatch: \"kind: A\\nmetadata: {name: a}\\n---\\nkind: B\\nmetadata: "
         "{name: b}\"",
         "patch holds 2 strategic merge patches, and a target takes one; make an entry of each"},
        {patch_transform, "target: {name: '['}\npatch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'",
         "patch: target: name: the regular expression \"^(?:[)$\" at 7: missing terminating ] for "
         "character class"},
        {patch_transform, "target: {name: web}\npatch: '[{\"op\": \"remove\", \"path\": \"/x\"}]'",
         "patch: Deployment.apps \"web\": operation 0 (remove /x): there is no member \"x\""},
        {patch_transform, "patch: just text",
         "patch is neither a strategic merge patch nor a JSON patch: patch:1: this is no "
         "Kubernetes "
         "object: a mapping with apiVersion, kind and metadata is expected"},
        {patch_json6902_transform, "jsonOp: '[]'",
         "target.name is not set; name the object to patch"},
        {patch_json6902_transform, "{target: {name: web}, jsonOp: '[]'}",
         "jsonOp holds no operation"},
        {patch_strategic_transform, "{}", "neither paths nor patches is set; set one of them"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_resmap struct resmap map;
        cleanup_error struct error err = {0};
        load(&map, WEB "---\n" API);
        assert_int_equal(apply(cases[i].step, &map, cases[i].config, &err), -1);
        assert_string_equal(error_message(&err), cases[i].message);
    }
}

static void test_kustomize_patch_rows_of_wrangler(void **state)
{
    (void)state;
    cleanup_value struct value *tables = kustomize_tables();
    const char *name = NULL;
    struct value *row = NULL;
    value_foreach (kustomize_table(tables, "TestApplySmPatch_General"), name, row) {
        cleanup_strbuf struct strbuf base;
        cleanup_strbuf struct strbuf patches;
        strbuf_init(&base, 1 << 20);
        strbuf_init(&patches, 1 << 20);
        const struct value *objects = value_object_get(row, "base");
        const struct value *texts = value_object_get(row, "patches");
        const struct value *expected = value_object_get(row, "expected");
        for (size_t i = 0; i < value_array_size(objects); i++)
            strbuf_addf(&base, "---\n%s\n", value_string_value(value_array_get(objects, i)));
        for (size_t i = 0; i < value_array_size(texts); i++)
            strbuf_addf(&patches, "---\n%s\n", value_string_value(value_array_get(texts, i)));
        cleanup_resmap struct resmap map;
        load(&map, base.data);
        cleanup_value struct value *config =
            value_object_of("patches", value_string(patches.data), NULL);
        cleanup_schema struct schema *schema = schema_new();
        struct build build = {.schema = schema};
        struct frame frame = {.build = &build};
        cleanup_error struct error err = {0};
        // The rows ask nothing of a patch without an object; the transformer refuses it.
        if (patch_strategic_transform(&frame, config, &map, &err) < 0)
            assert_non_null(strstr(error_message(&err), "no object is"));
        for (size_t i = 0; i < value_array_size(expected); i++)
            assert_yaml_equal((*(struct resource **)vec_at(&map.list, i))->value,
                              value_string_value(value_array_get(expected, i)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kustomize_patch_json_operations),
        cmocka_unit_test(test_kustomize_patch_json_says_where),
        cmocka_unit_test(test_kustomize_patch_json_rows),
        cmocka_unit_test(test_kustomize_patch_label_selectors),
        cmocka_unit_test(test_kustomize_patch_label_selector_rows),
        cmocka_unit_test(test_kustomize_patch_target_rows),
        cmocka_unit_test(test_kustomize_patch_transforms),
        cmocka_unit_test(test_kustomize_patch_lends_annotations),
        cmocka_unit_test(test_kustomize_patch_refuses),
        cmocka_unit_test(test_kustomize_patch_rows_of_wrangler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
