// What trees of public projects hold and how far kustomize goes along: what it overlooks, what it
// refuses. Each expectation is what kustomize 5.8.1 prints, or why it prints nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/frame.h"
#include "render/kustomize/kustomize.h"
#include "render/kustomize/resource_text.h"
#include "text_tree.h"

#define KUSTOMIZATION(fields) "=== kustomization.yaml\nresources: [a.yaml]\n" fields
#define THING(more) "apiVersion: v1\nkind: Thing\nmetadata: {name: a" more "}\n"
#define FILE_A(more) "=== a.yaml\n" THING("") more
#define THING_OUT(more) "apiVersion: v1\nkind: Thing\nmetadata:\n  name: a\n" more
#define MARK "\xEF\xBB\xBF"

static int build(const char *tree_text, const char *path, struct strbuf *out, struct error *err)
{
    cleanup_tree struct tree *tree = text_tree_new(tree_text, strlen(tree_text));
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    struct kustomize_options options = {0};
    strbuf_init(out, 1 << 20);
    if (kustomize_build(tree, path, &options, &objects, &warnings, err) < 0)
        return -1;
    return kustomize_print(&objects, out, err);
}

static void assert_builds(const char *tree_text, const char *expected)
{
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    if (build(tree_text, "", &out, &err) < 0)
        fail_msg("%s\n%s", error_message(&err), tree_text);
    assert_string_equal(out.data, expected);
}

static void assert_refused(const char *tree_text, const char *path, const char *why)
{
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    if (build(tree_text, path, &out, &err) == 0)
        fail_msg("rendered, and not refused: %s\n%s", why, tree_text);
    if (strstr(error_message(&err), why) == NULL)
        fail_msg("%s\nis not: %s", error_message(&err), why);
}

// As kpt writes them.
#define NOTES                                                                            \
    ", annotations: {config.kubernetes.io/path: x.yaml, config.kubernetes.io/index: '0'" \
    ", config.k8s.io/id: '1', internal.config.kubernetes.io/path: x.yaml"                \
    ", internal.config.kubernetes.io/index: '0'"                                         \
    ", internal.config.kubernetes.io/seqindent: compact}"
#define PATCH_OF_NOTED                                                             \
    "patches:\n- target: {annotationSelector: config.kubernetes.io/path=x.yaml}\n" \
    "  patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": 1}]'\n"

static void test_public_notes_of_functions_go(void **state)
{
    (void)state;
    // A selector still sees them.
    assert_builds(KUSTOMIZATION(PATCH_OF_NOTED) "=== a.yaml\n" THING(NOTES), THING_OUT("x: 1\n"));
}

static void test_public_tags_are_overlooked(void **state)
{
    (void)state;
    assert_builds(KUSTOMIZATION("") FILE_A("b: !vault 5\nc: !Ref {d: e}\nf: !GetAtt [g]\n"
                                           "h: !!custom 1\ni: !!set {j: 1}\n"),
                  "apiVersion: v1\nb: \"5\"\nc:\n  d: e\nf:\n- g\nh: \"1\"\ni:\n  j: 1\n"
                  "kind: Thing\nmetadata:\n  name: a\n");
}

static void test_public_documents_may_begin_with_a_mark(void **state)
{
    (void)state;
    static const char two[] =
        "apiVersion: v1\nkind: Thing\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: Thing\n"
        "metadata:\n  name: b\n";
    assert_builds(KUSTOMIZATION("") "=== a.yaml\n" MARK THING(
                      "") "---\n" MARK "apiVersion: v1\nkind: Thing\nmetadata: {name: b}\n",
                  two);
    assert_builds(KUSTOMIZATION("") "=== a.yaml\n" MARK "# a\n" THING(
                      "") "--- # b\r\n" MARK "\r\n"
                          "apiVersion: v1\nkind: Thing\nmetadata: {name: b}\n",
                  two);
}

static void test_public_paths_are_joined_as_text(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [none/../a.yaml]\n" FILE_A(""),
                  THING_OUT(""));
    assert_builds("=== kustomization.yaml\nresources: [a.yaml/../././/b/]\n"
                  "=== b/kustomization.yaml\nresources: [../b/a.yaml]\n=== b/a.yaml\n" THING(""),
                  THING_OUT(""));
    // ".." behind a link leads back to where the link stands.
    assert_builds("=== kustomization.yaml\nresources: [link/../a.yaml]\n" FILE_A(
                      "") "=== link\n-> b/deep\n=== b/deep/x\n\n=== b/a.yaml\nkind: Other\n",
                  THING_OUT(""));
    assert_refused("=== kustomization.yaml\nresources: [b/../../a.yaml]\n" FILE_A(""), "",
                   "../a.yaml leads out of the tree");
}

static void test_public_last_spelling_of_a_field_counts(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [a.yaml]\nResources: [b.yaml]\n" FILE_A(""),
                  THING_OUT(""));
    assert_builds("=== kustomization.yaml\nRESOURCES: [b.yaml]\nresources: [a.yaml]\n" FILE_A(""),
                  THING_OUT(""));
}

static void test_public_selectors_are_read_when_they_are_asked(void **state)
{
    (void)state;
#define TARGET(target) \
    KUSTOMIZATION("patches:\n- target: " target "\n  patch: '[{\"op\": \"test\"}]'\n") FILE_A("")
    assert_builds(TARGET("{kind: Nothing, labelSelector: a - b}"), THING_OUT(""));
    assert_builds(TARGET("{labelSelector: a=b, annotationSelector: a - b}"), THING_OUT(""));
    assert_refused(TARGET("{labelSelector: a - b}"), "", "labelSelector: the selector \"a - b\"");
    assert_refused(TARGET("{annotationSelector: a - b}"), "",
                   "annotationSelector: the selector \"a - b\"");
    // Of replacements at once.
    assert_refused(KUSTOMIZATION("replacements:\n- sourceValue: x\n  targets:\n"
                                 "  - select: {kind: Nothing, labelSelector: a - b}\n") FILE_A(""),
                   "", "select: labelSelector: the selector \"a - b\"");
}

static void test_public_configurations_of_names_are_exact(void **state)
{
    (void)state;
#define PREFIX(more) \
    KUSTOMIZATION("transformers:\n- |-\n  apiVersion: builtin\n  kind: " more) FILE_A("")
    assert_builds(PREFIX("PrefixTransformer\n  metadata: {name: x}\n  prefix: 5\n"
                         "  fieldSpecs: [{path: metadata/name}]\n"),
                  "apiVersion: v1\nkind: Thing\nmetadata:\n  name: 5a\n");
    assert_builds(PREFIX("PrefixSuffixTransformer\n  metadata: {name: x}\n  Prefix: p\n"
                         "  suffix: s\n  fieldSpecs: [{path: metadata/name}]\n"),
                  "apiVersion: v1\nkind: Thing\nmetadata:\n  name: as\n");
    static const char *const kinds[] = {
        PREFIX("PrefixTransformer\n  metadata: {name: x}\n  prefix: p\n"),
        PREFIX("SuffixTransformer\n  metadata: {name: x}\n  suffix: p\n  FieldSpecs: []\n"),
        PREFIX("PrefixSuffixTransformer\n  metadata: {name: x}\n  fieldSpecs: null\n"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        assert_refused(kinds[i], "", "fieldSpecs is missing");
}

static void test_public_refused_as_by_kustomize(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        const char *why;
    } rows[] = {
        {KUSTOMIZATION("replacements: [{sourceValue: x, targets: []}]\n") FILE_A(""),
         "at least one target"},
        {KUSTOMIZATION("crds: [c.yaml]\n")
             FILE_A("") "=== c.yaml\napiVersion: apiextensions.k8s.io/v1\n",
         "c.yaml: apiVersion is no type with Schema and Dependencies"},
        {KUSTOMIZATION("crds: [c.yaml]\n") FILE_A("") "=== c.yaml\n[a]\n",
         "c.yaml: a mapping of types is expected"},
        {KUSTOMIZATION("") "=== a.yaml\n%YAML 1.1\n---\n" THING(""), "a.yaml:1: a YAML directive"},
        {KUSTOMIZATION("") FILE_A("--- {a: b}\n"), "a.yaml:4: more than a comment stands behind"},
        {KUSTOMIZATION("") FILE_A("x: \"\\x7F\"\n"), "Thing \"a\": a text in it holds a control"},
        {KUSTOMIZATION("") FILE_A("\"\\x80\": x\n"), "Thing \"a\": a text in it holds a control"},
        {KUSTOMIZATION("") FILE_A("x: [\"\\uFFFE\"]\n"), "holds a control character"},
        {KUSTOMIZATION("patches:\n- patch: '{apiVersion: v2, kind: Thing, metadata: {name: a}}'\n")
             FILE_A(""),
         "no object is Thing \"a\" of v2 (it is of v1)"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_refused(rows[i].tree, "", rows[i].why);
}

static void test_public_kustomization_is_in_its_folder(void **state)
{
    (void)state;
    static const char tree[] =
        "=== b/kustomization.yaml\nresources: [a.yaml]\n=== o/a.yaml\n" THING(
            "") "=== o/kustomization.yaml\n-> ../b/kustomization.yaml\n";
    assert_refused(tree, "o", "o/kustomization.yaml is a symbolic link out of its folder");
    assert_builds(
        "=== kustomization.yaml\n-> b/k.yaml\n=== b/k.yaml\nresources: [a.yaml]\n" FILE_A(""),
        THING_OUT(""));
}

static void test_public_names_of_images_are_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *image;
        const char *then;
    } rows[] = {
        {".*", "a/nginx:1", "a/nginx:T"},
        {"*", "a/nginx:1", "a/nginx:T"},
        {"(.*/)?nginx", "a/nginx:1@sha256:0", "a/nginx:T"},
        {"n.inx", "nginx", "nginx:T"},
        {"ng[ij]nx", "ngjnx", "ngjnx:T"},
        {"other|nginx", "a/nginx", "a/nginx:T"},
        {"nginx", "a/nginx", "a/nginx"},
        {"a+b", "a+b:1", "a+b:1"},
        // No pattern: kustomize crashes.
        {"(a", "(a:1", "(a:T"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *tree = xasprintf(KUSTOMIZATION("images: [{name: '%s', newTag: T}]\n")
                                                FILE_A("spec: {containers: [{image: '%s'}]}\n"),
                                            rows[i].name, rows[i].image);
        cleanup_free char *out =
            xasprintf(THING_OUT("spec:\n  containers:\n  - image: %s\n"), rows[i].then);
        assert_builds(tree, out);
    }
}

// What is short to write and long to do, or deep, is refused.
static void test_public_bounds_small_trees_that_make_long_work(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *entry;
        size_t times;
        const char *tail;
        const char *why;
    } rows[] = {
        {KUSTOMIZATION("configurations: [c.yaml]\n")
             FILE_A("") "=== c.yaml\ncommonAnnotations: [{path: a",
         "/a", 100, "}]\n", "commonAnnotations[0].path: a path of more than 100 names"},
        {KUSTOMIZATION("labels: [{pairs: {a: b}, fields: [{path: a") "", "/a", 200000,
         "}]}]\n" FILE_A(""), "labels[0].fields[0].path: a path of more than 100 names"},
        {KUSTOMIZATION("transformers:\n- |-\n  {apiVersion: builtin, kind: ValueAddTransformer, "
                       "metadata: {name: x}, value: v, targets: [{fieldPath: a"),
         "/a", 100, "}]}\n" FILE_A(""), "targets[0].fieldPath: a path of more than 100 names"},
        {"=== c/kustomization.yaml\nkind: Component\nnamePrefix: "
         "a23456789b123456789c123456789d123456789e123456789\n"
         "=== a.yaml\n" THING("") "=== kustomization.yaml\nresources: [a.yaml]\n"
                                  "components:\n",
         "- c\n", 100, "", "has a name of more than 4096 bytes, or had more than 1000 names"},
        {"=== c/kustomization.yaml\nkind: Component\nnamePrefix: a\n"
         "=== a.yaml\n" THING("") "=== kustomization.yaml\nresources: [a.yaml]\n"
                                  "components:\n",
         "- c\n", 1010, "", "has a name of more than 4096 bytes, or had more than 1000 names"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_strbuf struct strbuf tree;
        strbuf_init(&tree, 1 << 20);
        strbuf_addstr(&tree, rows[i].head);
        for (size_t n = 0; n < rows[i].times; n++)
            strbuf_addstr(&tree, rows[i].entry);
        strbuf_addstr(&tree, rows[i].tail);
        assert_refused(tree.data, "", rows[i].why);
    }
}

// The names of a mapping are compared with one another: long for these, if each were with each.
static void test_public_names_are_many(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf tree;
    strbuf_init(&tree, 16 << 20);
    strbuf_addstr(&tree, FILE_A("") "=== kustomization.yaml\nresources: [a.yaml]\n");
    for (int i = 0; i < 60000; i++)
        strbuf_addf(&tree, "name%d: x\n", i);
    assert_refused(tree.data, "", "name0: no field of that name is known here");
}

// Nothing stands behind the mark: what is looked at ends with it (a sanitizer tells).
static void test_public_text_of_a_mark_alone(void **state)
{
    (void)state;
    cleanup_free char *text = xmemdup(MARK, 3);
    cleanup_free char *clean = NULL;
    size_t size = 0;
    assert_int_equal(resource_text_clean(text, 3, "a.yaml", &clean, &size, NULL), 0);
    assert_int_equal(size, 0);
}

static void test_public_counts_what_entries_do(void **state)
{
    (void)state;
    struct build counted = {0};
    struct frame frame = {.build = &counted};
    cleanup_error struct error err = {0};
    assert_int_equal(frame_count(&frame, 10000000, 512 << 20, &err), 0);
    assert_int_equal(frame_count(&frame, 1, 0, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    counted.visits = 0;
    error_release(&err);
    assert_int_equal(frame_count(&frame, 0, 1, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_non_null(strstr(error_message(&err), "more than 512 MiB into objects"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_notes_of_functions_go),
        cmocka_unit_test(test_public_tags_are_overlooked),
        cmocka_unit_test(test_public_documents_may_begin_with_a_mark),
        cmocka_unit_test(test_public_paths_are_joined_as_text),
        cmocka_unit_test(test_public_last_spelling_of_a_field_counts),
        cmocka_unit_test(test_public_selectors_are_read_when_they_are_asked),
        cmocka_unit_test(test_public_configurations_of_names_are_exact),
        cmocka_unit_test(test_public_refused_as_by_kustomize),
        cmocka_unit_test(test_public_kustomization_is_in_its_folder),
        cmocka_unit_test(test_public_names_of_images_are_patterns),
        cmocka_unit_test(test_public_bounds_small_trees_that_make_long_work),
        cmocka_unit_test(test_public_counts_what_entries_do),
        cmocka_unit_test(test_public_names_are_many),
        cmocka_unit_test(test_public_text_of_a_mark_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
