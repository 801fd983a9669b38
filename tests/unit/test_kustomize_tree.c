// Whole kustomizations: how bases are found, what is refused and in which words.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/kustomize.h"
#include "text_tree.h"

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"
#define CM_OUT(name) "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " name "\n"

static int build(const char *tree_text, const char *path, bool unrestricted, struct strbuf *out,
                 struct vec *warnings, struct error *err)
{
    cleanup_tree struct tree *tree = text_tree_new(tree_text, strlen(tree_text));
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    struct kustomize_options options = {.unrestricted = unrestricted};
    if (kustomize_build(tree, path, &options, &objects, warnings, err) < 0)
        return -1;
    return kustomize_print(&objects, out, err);
}

static void assert_builds(const char *tree_text, const char *path, const char *expected)
{
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    strbuf_init(&out, 1 << 20);
    if (build(tree_text, path, false, &out, &warnings, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(out.data, expected);
}

static void test_tree_follows_bases_components_and_links(void **state)
{
    (void)state;
    assert_builds("=== prod/kustomization.yaml\n"
                  "namePrefix: p-\nresources: [../base, more]\ncomponents: [../c]\n"
                  "=== prod/more\n" CM("b") "=== base/Kustomization\nRESOURCES: [a.yaml]\n"
                                            "=== base/a.yaml\n-> real/a.yaml\n"
                                            "=== base/real/a.yaml\n" CM(
                                                "a") "=== c/kustomization.yml\nkind: Component\n"
                                                     "labels: [{pairs: {team: x}}]\n",
                  "prod",
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    team: x\n"
                  "  name: p-a\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n"
                  "    team: x\n  name: p-b\n");
}

static void test_tree_says_what_is_deprecated_once(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    strbuf_init(&out, 1 << 20);
    assert_int_equal(build("=== kustomization.yaml\nbases: [b]\ncommonLabels: {a: b}\n"
                           "=== b/kustomization.yaml\nresources: [a.yaml]\n=== b/a.yaml\n" CM("a"),
                           "", false, &out, &warnings, NULL),
                     0);
    assert_int_equal(warnings.len, 2);
    assert_string_equal(*(char **)vec_at(&warnings, 0),
                        "kustomization.yaml: bases is deprecated; use resources");
    assert_string_equal(*(char **)vec_at(&warnings, 1),
                        "kustomization.yaml: commonLabels is deprecated; use labels");
}

static void test_tree_refuses_with_the_chain_of_bases(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        enum error_code code;
        const char *message;
    } cases[] = {
        {"=== kustomization.yaml\nresource: [a]\n", ERROR_INVALID,
         "kustomization.yaml:1: resource: no field of that name is known here (did you mean "
         "resources?)"},
        {"=== kustomization.yaml\n\nimages:\n- name: a\n  newtag: 1\n", ERROR_INVALID,
         "kustomization.yaml:4: images[0].newtag: a number stands where text is expected; write it "
         "in quotes"},
        {"=== kustomization.yaml\nkind: Kustomization\n", ERROR_INVALID,
         "kustomization.yaml is empty; name what it is made of under resources"},
        {"=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nnamespace: x\n"
         "resources:\n- b.yaml\n=== a/b.yaml\n\nkind: Pod\n",
         ERROR_INVALID,
         "kustomization.yaml:1: resources[0]: a/kustomization.yaml:3: resources[0]: a/b.yaml:2: "
         "Pod without metadata.name; give it one"},
        {"=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nresources: [../b]\n"
         "=== b/kustomization.yaml\nresources: [../a]\n",
         ERROR_INVALID,
         "kustomization.yaml:1: resources[0]: a/kustomization.yaml:1: resources[0]: "
         "b/kustomization.yaml:1: resources[0]: the kustomizations form a circle: the root → a → "
         "b → a"},
        {"=== kustomization.yaml\nresources: [a/x.yaml]\n=== a/x.yaml\n-> ../../x\n", ERROR_DENIED,
         "kustomization.yaml:1: resources[0]: a/x.yaml: the symbolic link leads to ../../x, out of "
         "the tree; commit the file itself"},
        {"=== kustomization.yaml\nresources: [https://example.com/x.yaml]\n", ERROR_INVALID,
         "kustomization.yaml:1: resources[0]: https://example.com/x.yaml is not in this tree, and "
         "this build fetches nothing; commit a copy (kustomize localize makes one) and name that"},
        {"=== kustomization.yaml\nresources: [x.yaml, y.yaml]\n=== x.yaml\n" CM(
             "a") "=== y.yaml\n" CM("a"),
         ERROR_INVALID,
         "kustomization.yaml:1: resources[1]: ConfigMap \"a\" (y.yaml:1) is there already "
         "(x.yaml:1); to change it use a patch, to have two give one another name or namespace"},
        {"=== kustomization.yaml\nhelmCharts: [{name: x}]\n", ERROR_INVALID,
         "kustomization.yaml:1: helmCharts[0]: Helm charts are not rendered within a kustomization "
         "yet; commit the output of helm template and name it under resources"},
        {"=== kustomization.yaml\nresources: [c]\n=== c/kustomization.yaml\nkind: Component\n"
         "namespace: x\n",
         ERROR_INVALID,
         "kustomization.yaml:1: resources[0]: c/kustomization.yaml is a Component; name it under "
         "components"},
        {"=== kustomization.yaml\nresources: [a]\n=== a/x.yaml\n" CM("a"), ERROR_NOT_FOUND,
         "kustomization.yaml:1: resources[0]: there is no kustomization.yaml in a; add one, or "
         "name its files one by one"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf out;
        cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
        cleanup_error struct error err = {0};
        strbuf_init(&out, 1 << 20);
        assert_int_equal(build(cases[i].tree, "", false, &out, &warnings, &err), -1);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void refuse(const char *tree, const char *message)
{
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    strbuf_init(&out, 1 << 20);
    assert_int_equal(build(tree, "", false, &out, &warnings, &err), -1);
    assert_string_equal(err.message, message);
}

// Functions in containers, programs, scripts, Go plugins: as generators, transformers, validators.
static void test_tree_executes_nothing(void **state)
{
    (void)state;
    static const char *const functions[][2] = {
        {"container: {image: example.com/fn:1}",
         "ConfigMap f (f.yaml:1) is a KRM function run in a container"},
        {"exec: {path: ./fn.sh}", "ConfigMap f (f.yaml:1) is a KRM function run as a program"},
        {"starlark: {path: fn.star}", "ConfigMap f (f.yaml:1) is a KRM function run as a script"},
    };
    static const char *const fields[] = {"generators", "transformers", "validators"};
    static const char why[] = ", and nothing that a repository brings along is executed here; run "
                              "it beforehand, and commit what it makes";
    for (size_t i = 0; i < ARRAY_LENGTH(functions) * ARRAY_LENGTH(fields); i++) {
        const char *const *function = functions[i % ARRAY_LENGTH(functions)];
        const char *field = fields[i / ARRAY_LENGTH(functions)];
        cleanup_free char *tree =
            xasprintf("=== kustomization.yaml\nresources: [a.yaml]\n%s: [f.yaml]\n"
                      "=== a.yaml\n%s=== f.yaml\napiVersion: v1\nkind: ConfigMap\n"
                      "metadata:\n  name: f\n  annotations:\n"
                      "    config.kubernetes.io/function: |\n      %s\n",
                      field, CM("a"), function[0]);
        cleanup_free char *message =
            xasprintf("kustomization.yaml:2: %s: %s%s", field, function[1], why);
        refuse(tree, message);
    }
    refuse("=== kustomization.yaml\ntransformers: [f.yaml]\n=== f.yaml\n"
           "apiVersion: team.example.com/v1\nkind: Inflate\nmetadata: {name: f}\n",
           "kustomization.yaml:1: transformers: Inflate f (f.yaml:1) is an exec or Go plugin, and "
           "nothing that a repository brings along is executed here; run it beforehand, and commit "
           "what it makes");
}

static void test_tree_says_what_was_meant(void **state)
{
    (void)state;
    static const char web[] = "=== b/w.yaml\napiVersion: apps/v1\nkind: Deployment\n"
                              "metadata: {name: web-v2}\n=== b/kustomization.yaml\n"
                              "resources: [w.yaml]\nnamePrefix: x-\n"
                              "=== kustomization.yaml\nresources: [b]\n";
    static const char *const cases[][2] = {
        {"patches: [{patch: \"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\"}]\n",
         "patches[0]: the strategic merge patch patch:1: no object is Deployment.apps \"web\" "
         "(did you mean Deployment.apps \"x-web-v2\"?)"},
        {"replicas: [{name: web-2, count: 1}]\n",
         "replicas[0]: nothing that has replicas (a Deployment, StatefulSet, ReplicaSet or "
         "ReplicationController, or what configurations add) is called \"web-2\" (did you mean "
         "Deployment.apps \"x-web-v2\"?)"},
        {"replacements: [{source: {kind: Deployment, name: web-v1}, targets: [{}]}]\n",
         "replacements[0]: no object is the source (kind Deployment, name web-v1) (did you mean "
         "Deployment.apps \"x-web-v2\"?); check its kind and name (they are compared as they are, "
         "without wildcards)"},
        {"configMapGenerator: [{name: c, behavior: merge}]\n",
         "configMapGenerator[0]: there is no ConfigMap \"c\" to merge into; use behavior create, "
         "or "
         "the name it had in its base"},
        {"patches: [{path: b/kustomizaton.yaml}]\n",
         "patches[0]: there is no b/kustomizaton.yaml (did you mean b/kustomization.yaml?)"},
        {"patchesStrategicMerge: [p.yaml]\n",
         "patchesStrategicMerge[0]: there is no p.yaml; add it, or correct the path"},
        {"replacements: [{path: c/d.yaml}]\n",
         "replacements[0]: there is no c; add it, or correct the path"},
        {"namePrfix: x\n",
         "namePrfix: no field of that name is known here (did you mean namePrefix?)"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *tree = xasprintf("%s%s", web, cases[i][0]);
        cleanup_free char *message = xasprintf("kustomization.yaml:2: %s", cases[i][1]);
        refuse(tree, message);
    }
}

// Every replacement doubles what the next one copies.
static void test_tree_bounds_what_replacements_write(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf tree;
    strbuf_init(&tree, 1 << 16);
    strbuf_addstr(&tree, "=== a.yaml\n" CM(
                             "a") "spec: {text: 0123456789}\n"
                                  "=== kustomization.yaml\nresources: [a.yaml]\nreplacements:\n");
    for (int i = 0; i < 30; i++)
        strbuf_addf(&tree,
                    "- {source: {kind: ConfigMap, name: a, fieldPath: spec}, targets: [{select: "
                    "{kind: ConfigMap}, fieldPaths: [spec.x%d], options: {create: true}}]}\n",
                    i);
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    strbuf_init(&out, 1 << 20);
    assert_int_equal(build(tree.data, "", false, &out, &warnings, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_non_null(strstr(err.message, "the replacements write more than 16777216 bytes in all"));
}

static void test_tree_restricts_files_unless_told(void **state)
{
    (void)state;
    static const char tree[] = "=== a/kustomization.yaml\nresources: [../x.yaml]\n"
                               "=== x.yaml\n" CM("x");
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    strbuf_init(&out, 1 << 20);
    assert_int_equal(build(tree, "a", false, &out, &warnings, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_string_equal(err.message,
                        "a/kustomization.yaml:1: resources[0]: x.yaml is outside of a, and a "
                        "kustomization reads files of its own folder only; move it there, or make "
                        "it a base of its own");
    assert_int_equal(build(tree, "a", true, &out, &warnings, NULL), 0);
    assert_string_equal(out.data, CM_OUT("x"));
}

// What an overlay writes to a label that a base put into several places, it writes to all of them.
static void test_tree_holds_labels_as_one_node(void **state)
{
    (void)state;
    assert_builds("=== o/kustomization.yaml\nresources: [../b]\nlabels: [{pairs: {env: prod}}]\n"
                  "=== b/kustomization.yaml\nresources: [s.yaml]\ncommonLabels: {env: base}\n"
                  "=== b/s.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
                  "o",
                  "apiVersion: v1\nkind: Service\nmetadata:\n  labels:\n    env: prod\n  name: s\n"
                  "spec:\n  selector:\n    env: prod\n");
}

// What is read after it went, a sanitizer tells.
static void test_tree_drops_empty_annotations(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [a.yaml]\nbuildMetadata: "
                  "[transformerAnnotations]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\n"
                  "metadata: {name: a, annotations: {}}\n",
                  ".", CM_OUT("a"));
}

static void test_tree_explains_each_field(void **state)
{
    (void)state;
    static const char text[] = "=== o/kustomization.yaml\nresources: [../b]\n"
                               "images:\n- {name: nginx, newTag: \"2\"}\n"
                               "=== b/kustomization.yaml\nresources: [p.yaml]\nnamePrefix: x-\n"
                               "=== b/p.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
                               "spec: {containers: [{name: main, image: nginx}]}\n";
    static const char *const wanted[][2] = {
        {"kind", "b/p.yaml:1"},
        {"metadata.name", "b/kustomization.yaml:2: namePrefix"},
        {"spec.containers[main].image", "o/kustomization.yaml:3: images[0]"},
        {"spec.containers[main].name", "b/p.yaml:1"},
    };
    cleanup_tree struct tree *tree = text_tree_new(text, sizeof text - 1);
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    struct kustomize_options options = {.explain = true};
    assert_int_equal(kustomize_build(tree, "o", &options, &objects, &warnings, NULL), 0);
    const struct kustomize_object *pod = vec_at(&objects, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        const struct value *field = value_object_get(pod->explained, wanted[i][0]);
        assert_string_equal(value_string_value(value_object_get(field, "source")), wanted[i][1]);
    }
}

static void test_tree_explains_entries_of_lists(void **state)
{
    (void)state;
    // An element that has another name now is the one it was; each replacement is named.
    static const char text[] =
        "=== kustomization.yaml\nresources: [a.yaml]\nnamePrefix: x-\nreplacements:\n"
        "- {sourceValue: one, targets: [{select: {kind: RoleBinding}, fieldPaths: [one]}]}\n"
        "- {sourceValue: two, targets: [{select: {kind: RoleBinding}, fieldPaths: [two]}]}\n"
        "=== a.yaml\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n"
        "metadata: {name: b}\none: a\ntwo: b\n"
        "subjects: [{kind: ServiceAccount, name: default}]\n"
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n";
    static const char *const wanted[][2] = {
        {"one", "kustomization.yaml:4: replacements[0]"},
        {"two", "kustomization.yaml:5: replacements[1]"},
        {"subjects[x-default].kind", "a.yaml:1"},
        {"subjects[x-default].name",
         "kustomization.yaml: the new name of the object that it refers to"},
    };
    cleanup_tree struct tree *tree = text_tree_new(text, sizeof text - 1);
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    struct kustomize_options options = {.explain = true};
    assert_int_equal(kustomize_build(tree, "", &options, &objects, &warnings, NULL), 0);
    const struct kustomize_object *binding = NULL;
    vec_foreach (const struct kustomize_object, object, &objects)
        if (strcmp(value_text_or(object->value, "kind", ""), "RoleBinding") == 0)
            binding = object;
    assert_non_null(binding);
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        const struct value *field = value_object_get(binding->explained, wanted[i][0]);
        assert_non_null(field);
        assert_string_equal(value_string_value(value_object_get(field, "source")), wanted[i][1]);
    }
}

// Trees of the size and habit of public projects, with what kustomize 5.8.1 prints for them.
static void test_tree_builds_what_projects_have(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *path;
    } cases[] = {
        {"shop", "prod"},           // components, replacements, generators
        {"operator", "clouds/aws"}, // definitions, RBAC, webhooks, vars, an overlay per cloud
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *tree_path = xasprintf("%s/kustomize/%s.tree", TEST_DATA, cases[i].name);
        cleanup_free char *yaml_path = xasprintf("%s/kustomize/%s.yaml", TEST_DATA, cases[i].name);
        cleanup_free char *tree = NULL;
        cleanup_free char *yaml = NULL;
        size_t size = 0;
        assert_int_equal(file_read(tree_path, 1 << 20, &tree, &size, NULL), 0);
        assert_int_equal(file_read(yaml_path, 1 << 20, &yaml, &size, NULL), 0);
        assert_builds(tree, cases[i].path, yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_follows_bases_components_and_links),
        cmocka_unit_test(test_tree_says_what_is_deprecated_once),
        cmocka_unit_test(test_tree_executes_nothing),
        cmocka_unit_test(test_tree_says_what_was_meant),
        cmocka_unit_test(test_tree_bounds_what_replacements_write),
        cmocka_unit_test(test_tree_refuses_with_the_chain_of_bases),
        cmocka_unit_test(test_tree_restricts_files_unless_told),
        cmocka_unit_test(test_tree_holds_labels_as_one_node),
        cmocka_unit_test(test_tree_drops_empty_annotations),
        cmocka_unit_test(test_tree_explains_each_field),
        cmocka_unit_test(test_tree_explains_entries_of_lists),
        cmocka_unit_test(test_tree_builds_what_projects_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
