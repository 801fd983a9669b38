// What manifests of public projects are like beside what they mean: how texts are written, what
// earlier builds left in them. Each expectation is what kustomize 5.8.1 prints.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/kustomize.h"
#include "text_tree.h"

#define HEAD "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
#define HEAD_OUT "kind: ConfigMap\nmetadata:\n  name: a\n"
#define TREE(fields) "=== kustomization.yaml\n" fields "resources: [a.yaml]\n=== a.yaml\n"

static void assert_builds(const char *tree_text, const char *expected)
{
    cleanup_tree struct tree *tree = text_tree_new(tree_text, strlen(tree_text));
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    cleanup_strbuf struct strbuf out;
    struct kustomize_options options = {0};
    strbuf_init(&out, 1 << 20);
    if (kustomize_build(tree, "", &options, &objects, &warnings, &err) < 0 ||
        kustomize_print(&objects, &out, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_string_equal(out.data, expected);
}

static void test_habits_folded_text_is_written_and_read_once_more(void **state)
{
    (void)state;
    // A line end before an indented line becomes two, as does one that is kept at the end.
    assert_builds(TREE("") HEAD "data:\n  a: >-\n    one\n    two\n      deep\n    three\n"
                                "  b: >+\n    end\n\n",
                  "apiVersion: v1\ndata:\n  a: |-\n    one two\n\n      deep\n    three\n"
                  "  b: |+\n    end\n\n\n" HEAD_OUT);
    // What double quotes are needed for keeps its line ends, and so does any other style.
    assert_builds(TREE("") HEAD "data:\n  a: >-\n    \U0001f389\n      deep\n"
                                "  b: |-\n    one\n      deep\n",
                  "apiVersion: v1\ndata:\n  a: \"\\U0001F389\\n  deep\"\n"
                  "  b: |-\n    one\n      deep\n" HEAD_OUT);
}

static void test_habits_folded_place_folds_what_is_put_there(void **state)
{
    (void)state;
    assert_builds(TREE("replacements:\n- source: {kind: ConfigMap, fieldPath: data.from}\n"
                       "  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.to]}]\n") HEAD
                  "data:\n  from: |-\n    one\n     deep\n  to: >-\n    x\n",
                  "apiVersion: v1\ndata:\n  from: |-\n    one\n     deep\n"
                  "  to: |-\n    one\n\n     deep\n" HEAD_OUT);
    // Annotations are made anew before the end and fold no more.
    assert_builds(TREE("") "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
                           "  annotations:\n    a: >-\n      one\n        deep\n",
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n"
                  "    a: |-\n      one\n        deep\n  name: a\n");
}

#define NOTED                                                                 \
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n" \
    "    config.kubernetes.io/origin: |\n      path: b.yaml\n"                \
    "    internal.config.kubernetes.io/previousNames: b\n"                    \
    "    alpha.config.kubernetes.io/transformations: |\n      - {}\n"

static void test_habits_notes_of_earlier_builds_are_dropped(void **state)
{
    (void)state;
    assert_builds(TREE("") NOTED, "apiVersion: v1\n" HEAD_OUT);
    assert_builds(TREE("buildMetadata: [originAnnotations]\n") NOTED,
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n"
                  "    config.kubernetes.io/origin: |\n      path: a.yaml\n  name: a\n");
    assert_builds(TREE("") "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
                           "    internal.config.kubernetes.io/needsHashSuffix: enabled\ndata: {}\n",
                  "apiVersion: v1\ndata: {}\nkind: ConfigMap\nmetadata:\n  name: a-42745tchd9\n");
}

static void test_habits_configuration_of_functions_is_no_object(void **state)
{
    (void)state;
    assert_builds(TREE("") "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
                           "functionConfig: {kind: Any}\n",
                  "");
    assert_builds(TREE("") "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
                           "functionConfig: {kind: Any}\nitems:\n"
                           "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
                  "apiVersion: v1\n" HEAD_OUT);
}

static void test_habits_mark_of_a_windows_editor_escapes_the_text(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\n" HEAD
                  "data:\n  a: \"\\uFEFFa \\xE9\\n\\u20AC\\U0001F389\\\"\"\n  b: \"x\\uFEFFy\"\n",
                  "apiVersion: v1\ndata:\n"
                  "  a: \"\\uFEFF\\x61\\x20\\xE9\\n\\u20AC\\U0001F389\\\"\"\n"
                  "  b: \"x\\uFEFFy\"\n" HEAD_OUT);
}

static void test_habits_words_get_quotes_from_a_json_patch(void **state)
{
    (void)state;
    // The quotes that off has by then stay for what a merge puts there.
    assert_builds(TREE("patches:\n- target: {kind: ConfigMap}\n"
                       "  patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": \"y\"}]'\n"
                       "- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, "
                       "data: {d: true}}'\n") HEAD "data:\n  d: \"off\"\n",
                  "apiVersion: v1\ndata:\n  d: \"true\"\n" HEAD_OUT "x: \"y\"\n");
}

static void test_habits_first_document_of_a_kustomization_counts(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\n---\nresources: [a.yaml]\n"
                  "configurations: [c.yaml]\nnamePrefix: p-\n---\n} not YAML\n"
                  "=== c.yaml\nnamePrefix: []\n---\n{}\n---\n{}\n=== a.yaml\n" HEAD,
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: p-a\n");
}

static void test_habits_names_and_tags_look_like_other_things(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [a.yaml]\nnamespace: shop\n"
                  "=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 12}\n",
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 12\n"
                  "  namespace: shop\n");
    // A date in a kustomization is the text that it is.
    assert_builds("=== kustomization.yaml\nresources: [a.yaml]\n"
                  "images: [{name: web, newTag: 2026-01-02}]\n"
                  "=== a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
                  "spec: {containers: [{name: a, image: web}]}\n",
                  "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n"
                  "  - image: web:2026-01-02\n    name: a\n");
}

static void test_habits_quoted_truth_is_text(void **state)
{
    (void)state;
    static const char *const trees[] = {
        TREE("generatorOptions: {disableNameSuffixHash: 'true'}\n") HEAD,
        TREE("labels: [{pairs: {a: b}, includeSelectors: \"false\"}]\n") HEAD,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(trees); i++) {
        cleanup_tree struct tree *tree = text_tree_new(trees[i], strlen(trees[i]));
        cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
        cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
        cleanup_error struct error err = {0};
        struct kustomize_options options = {0};
        assert_int_equal(kustomize_build(tree, "", &options, &objects, &warnings, &err), -1);
        assert_non_null(strstr(error_message(&err), "text stands where true or false is expected"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_habits_folded_text_is_written_and_read_once_more),
        cmocka_unit_test(test_habits_folded_place_folds_what_is_put_there),
        cmocka_unit_test(test_habits_notes_of_earlier_builds_are_dropped),
        cmocka_unit_test(test_habits_configuration_of_functions_is_no_object),
        cmocka_unit_test(test_habits_mark_of_a_windows_editor_escapes_the_text),
        cmocka_unit_test(test_habits_words_get_quotes_from_a_json_patch),
        cmocka_unit_test(test_habits_first_document_of_a_kustomization_counts),
        cmocka_unit_test(test_habits_names_and_tags_look_like_other_things),
        cmocka_unit_test(test_habits_quoted_truth_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
