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

static void assert_refuses_bytes(const char *tree_text, size_t size, const char *part)
{
    cleanup_tree struct tree *tree = text_tree_new(tree_text, size);
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    struct kustomize_options options = {0};
    assert_int_equal(kustomize_build(tree, "", &options, &objects, &warnings, &err), -1);
    if (strstr(error_message(&err), part) == NULL)
        fail_msg("%s", error_message(&err));
}

static void assert_refuses(const char *tree_text, const char *part)
{
    assert_refuses_bytes(tree_text, strlen(tree_text), part);
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

static void test_habits_one_text_takes_the_style_of_what_it_overwrites(void **state)
{
    (void)state;
    // commonAnnotations put one node into both places, and it folds where one of them did.
    assert_builds(
        TREE(
            "commonAnnotations: {x: \"one\\n  deep\\n\"}\n") "apiVersion: apps/v1\nkind: "
                                                             "Deployment\nmetadata:\n  name: a\n"
                                                             "  annotations:\n    x: >-\n      y\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations:\n"
        "    x: |\n      one\n        deep\n  name: a\nspec:\n  template:\n"
        "    metadata:\n      annotations:\n        x: |\n          one\n\n"
        "            deep\n");
}

static void test_habits_last_of_one_label_wins(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [base]\npatches:\n- patch: |\n"
                  "    apiVersion: apps/v1\n    kind: Deployment\n"
                  "    metadata: {name: a, labels: {x: a}}\n"
                  "    spec: {template: {metadata: {labels: {x: b}}}}\n"
                  "=== base/kustomization.yaml\nresources: [a.yaml]\n"
                  "labels: [{pairs: {x: one}, includeTemplates: true}]\n"
                  "=== base/a.yaml\napiVersion: apps/v1\nkind: Deployment\n"
                  "metadata: {name: a}\n",
                  "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    x: b\n"
                  "  name: a\nspec:\n  template:\n    metadata:\n      labels:\n"
                  "        x: b\n");
}

// A patch with a target has the apiVersion of what it meets; of an object without one that is null.
static void test_habits_patch_leaves_null_where_no_version_was(void **state)
{
    (void)state;
    assert_builds(TREE("patches: [{target: {kind: Thing}, patch: '{apiVersion: v1, kind: X, "
                       "metadata: {name: b}, spec: {c: d}}'}]\n") "kind: Thing\nmetadata: "
                                                                  "{name: a}\n",
                  "apiVersion: null\nkind: Thing\nmetadata:\n  name: a\nspec:\n  c: d\n");
}

// A merge puts quotes around texts that look like other things, in whichever places they stand.
static void test_habits_quotes_change_no_label(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [base]\npatches:\n"
                  "- patch: '{apiVersion: apps/v1, kind: Deployment, metadata: "
                  "{name: a, annotations: {x: \"key:\"}}}'\n"
                  "- patch: '{apiVersion: apps/v1, kind: Deployment, metadata: "
                  "{name: a, annotations: {x: b}}}'\n"
                  "=== base/kustomization.yaml\nresources: [a.yaml]\n"
                  "commonAnnotations: {x: one}\n"
                  "=== base/a.yaml\napiVersion: apps/v1\nkind: Deployment\n"
                  "metadata: {name: a}\nspec: {template: {}}\n",
                  "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations:\n"
                  "    x: b\n  name: a\nspec:\n  template:\n    metadata:\n"
                  "      annotations:\n        x: b\n");
}

// At its end kustomize writes JSON and reads that as YAML 1.1, where U+0085 ends a line.
static void test_habits_next_lines_fold(void **state)
{
    (void)state;
    assert_builds(TREE("") HEAD "data:\n  a: \"one \\N two\"\n  b: \"\\N\\N \\Nx\"\n"
                                "  c: \"x\\N\"\n",
                  "apiVersion: v1\ndata:\n  a: one two\n  b: |2-\n\n\n    x\n"
                  "  c: 'x '\n" HEAD_OUT);
    assert_refuses(TREE("") HEAD "\"a\\Nb\": c\n", "a text in it holds a control character");
}

#define THING "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n"
#define THING_OUT "kind: Thing\nmetadata:\n  name: a\n"
#define PATCHED(fields) \
    "patches:\n- patch: |\n    apiVersion: v1\n    kind: Thing\n    metadata: {name: a}\n" fields

static void test_habits_brackets_put_more_into_quotes(void **state)
{
    (void)state;
    // An empty text in place of a null.
    assert_builds(TREE("replacements:\n- source: {kind: Thing, fieldPath: from}\n"
                       "  targets: [{select: {kind: Thing}, fieldPaths: [in.a, out.a, in.b],\n"
                       "    options: {create: true}}]\n") THING
                  "from: \"\"\nin: {a: null}\nout:\n  a: null\n",
                  "apiVersion: v1\nfrom: \"\"\nin:\n  a: \"\"\n  b: \"\"\n" THING_OUT
                  "out:\n  a: null\n");
    // A date and a folded text that a patch puts between brackets, and a date that it takes out.
    assert_builds(
        TREE(PATCHED("    in:\n      d: 2001-12-14 21:59:43\n"
                     "      f: >-\n        one\n          two\n"
                     "    out: {d: 2001-12-14 21:59:43}\n")) THING "in: {a: b}\nout:\n  a: {}\n",
        "apiVersion: v1\nin:\n  a: b\n  d: \"2001-12-14 21:59:43\"\n"
        "  f: |-\n    one\n      two\n" THING_OUT "out:\n  a: {}\n  d: \"2001-12-14T21:59:43Z\"\n");
    // Empty ones have the brackets of what a patch puts there; a list those that it takes the
    // place of.
    assert_builds(TREE(PATCHED("    a:\n      d: 2001-12-14 21:59:43\n"
                               "    b:\n    - 2001-12-14 21:59:43\n"
                               "    c: [2001-12-14 21:59:43]\n")) THING "a: {}\nb: [x]\nc:\n- x\n",
                  "a:\n  d: \"2001-12-14T21:59:43Z\"\napiVersion: v1\n"
                  "b:\n- \"2001-12-14 21:59:43\"\nc:\n- \"2001-12-14T21:59:43Z\"\n" THING_OUT);
    // A null that is not written out removes between brackets, too.
    assert_builds(TREE("patches: [{patch: '{apiVersion: v1, kind: Thing, metadata: {name: a}, "
                       "x: {y: , z: 1}}'}]\n") THING "x:\n  y: 1\n",
                  "apiVersion: v1\n" THING_OUT "x:\n  z: 1\n");
}

static void test_habits_generators_merge_into_text(void **state)
{
    (void)state;
    assert_builds(
        TREE(
            "configMapGenerator: [{name: a, behavior: merge, literals: [a=b]}]\n"
            "generatorOptions: {disableNameSuffixHash: true}\n") "apiVersion: v1\nkind: "
                                                                 "ConfigMap\nmetadata:\n  name: a\n"
                                                                 "  labels: {l: 1_000, n: "
                                                                 "~}\ndata:\n  f: >\n    one\n     "
                                                                 " two\n  i: 1.0\n"
                                                                 "  n: ~\n",
        "apiVersion: v1\ndata:\n  a: b\n  f: |\n    one\n      two\n  i: \"1.0\"\n"
        "  \"n\": \"\"\nkind: ConfigMap\nmetadata:\n  labels:\n    l: \"1_000\"\n"
        "    \"n\": \"~\"\n  name: a\n");
}

#define FROM_NAME                                                     \
    "namePrefix: \"1\"\nreplacements:\n- source: {kind: ConfigMap}\n" \
    "  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.doc.b]}]\n"
#define NAMED_80                                                \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '80'}\n" \
    "data:\n  doc: |\n    a: 1\n    b:\n      c: 3\n"

static void test_habits_name_keeps_its_quotes_in_a_text(void **state)
{
    (void)state;
    assert_builds(TREE(FROM_NAME) NAMED_80,
                  "apiVersion: v1\ndata:\n  doc: |-\n    a: 1\n    b: '180'\nkind: ConfigMap\n"
                  "metadata:\n  name: \"180\"\n");
}

#define ORIGINS "buildMetadata: [originAnnotations]\npatches:\n"
#define MERGED "- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, x: z}'\n"
#define ADDED                       \
    "- target: {kind: ConfigMap}\n" \
    "  patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": \"y\"}]'\n"
#define ODD "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {odd: 1_000}\n"
#define ODD_OUT(text)                                                                        \
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n"                           \
    "    config.kubernetes.io/origin: |\n      path: a.yaml\n    odd: " text "\n  name: a\n" \
    "x: \"y\"\n"

static void test_habits_first_note_of_an_origin_leaves_numbers(void **state)
{
    (void)state;
    // A JSON patch reads annotations as they are, until a transformer's note made text of them.
    assert_builds(TREE(ORIGINS ADDED) ODD, ODD_OUT("\"1000\""));
    assert_builds(TREE(ORIGINS MERGED ADDED) ODD, ODD_OUT("\"1_000\""));
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

#define LISTED(head)                                                                          \
    head "items:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n"                  \
         "    annotations: {n: 1.10}\n    labels:\n      f: >\n        one\n          deep\n" \
         "  spec: {containers: [{name: a, image: nginx}], d: 2001-12-14 21:59:43}\n"
#define UNLISTED(number, empty, date, image)                                                       \
    "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    \"n\": \"" number                   \
    "\"\n  labels:\n    f: |\n      one\n" empty "        deep\n  name: a\nspec:\n  containers:\n" \
    "  - image: " image "\n    name: a\n  d: \"" date "\"\n"

// The only document of a file is taken apart as it stands where it is a List, any other list by way
// of JSON.
static void test_habits_lists_are_read_in_two_ways(void **state)
{
    (void)state;
    static const char through_json[] = UNLISTED("1.1", "", "2001-12-14T21:59:43Z", "\"5\"");
    assert_builds(TREE("images: [{name: nginx, newName: \"5\"}]\n") LISTED("kind: List\n"),
                  UNLISTED("1.10", "\n", "2001-12-14 21:59:43", "5"));
    assert_builds(TREE("images: [{name: nginx, newName: \"5\"}]\n") LISTED("kind: PodList\n"),
                  through_json);
    assert_builds(TREE("images: [{name: nginx, newName: \"5\"}]\n")
                      LISTED("# nothing\n---\nkind: List\n"),
                  through_json);
}

// It may put one label on what it has seen, and is no transformer in notes.
static void test_habits_validator_leaves_its_label(void **state)
{
    (void)state;
    assert_builds(TREE("buildMetadata: [transformerAnnotations]\nvalidators:\n- |\n"
                       "  apiVersion: builtin\n  kind: LabelTransformer\n  metadata: {name: v}\n"
                       "  labels: {validated-by: me}\n"
                       "  fieldSpecs: [{path: metadata/labels, create: true}]\n") HEAD,
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n"
                  "    validated-by: me\n  name: a\n");
}

// kustomize notes earlier names among the annotations, and so makes a mapping of nothing.
static void test_habits_empty_annotations_take_what_is_created(void **state)
{
    (void)state;
    assert_builds(TREE("namePrefix: p-\nreplacements:\n- source: {kind: ConfigMap, name: a}\n"
                       "  targets: [{select: {kind: ConfigMap}, options: {create: true},"
                       " fieldPaths: [metadata.annotations.from]}]\n") "apiVersion: v1\nkind: "
                                                                       "ConfigMap\nmetadata:\n  "
                                                                       "name: a\n  annotations:\n",
                  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n    from: p-a\n"
                  "  name: p-a\n");
}

#define CUSTOM "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: "
#define SCOPED_LATE(patched)                                                                 \
    "=== kustomization.yaml\nresources: [base]\ncomponents: [late]\n"                        \
    "=== base/kustomization.yaml\nresources: [a.yaml]\nnamePrefix: p-\n"                     \
    "=== base/a.yaml\n" CUSTOM "web}\n"                                                      \
    "=== late/kustomization.yaml\napiVersion: kustomize.config.k8s.io/v1alpha1\n"            \
    "kind: Component\nopenapi: {path: o.yaml}\npatches: [{path: p.yaml}]\n"                  \
    "=== late/o.yaml\ndefinitions: {}\npaths: {'/apis/example.com/v1/things/{name}': {get: " \
    "{x-kubernetes-group-version-kind: {group: example.com, version: v1, kind: Thing}}}}\n"  \
    "=== late/p.yaml\n" CUSTOM patched "}\nspec: {a: 1}\n"

// A component's document that takes a kind's namespace away changes what objects are called now,
// not what they were called before.
static void test_habits_earlier_names_keep_their_scope(void **state)
{
    (void)state;
    assert_builds(SCOPED_LATE("p-web"), "apiVersion: example.com/v1\nkind: Thing\n"
                                        "metadata:\n  name: p-web\nspec:\n  a: 1\n");
    assert_refuses(SCOPED_LATE("web"), "no object is Thing.example.com \"web\"");
}

#define ARGS(patches, text)                                             \
    "=== kustomization.yaml\nresources: [a.yaml]\n" patches             \
    "vars: [{name: V, objref: {apiVersion: v1, kind: Pod, name: a}}]\n" \
    "=== a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"      \
    "spec: {containers: [{name: m, args: [$(V), " text "]}]}\n"
#define NEEDS_TEXT "item 1 is no text, which a list that may hold vars must have"

// "<<" is text in quotes alone, and a JSON patch of anything in the object takes them away.
static void test_habits_vars_meet_a_merge_in_a_list(void **state)
{
    (void)state;
    assert_builds(ARGS("", "\"<<\""),
                  "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n"
                  "  - args:\n    - a\n    - <<\n    name: m\n");
    assert_refuses(ARGS("", "<<"), NEEDS_TEXT);
    assert_refuses(ARGS("patches: [{target: {kind: Pod}, patch: '[{\"op\": \"test\", "
                        "\"path\": \"/kind\", \"value\": \"Pod\"}]'}]\n",
                        "\"<<\""),
                   NEEDS_TEXT);
}

static void test_habits_generated_text_holds_no_nul(void **state)
{
    (void)state;
    static const char tree[] = "=== kustomization.yaml\n"
                               "configMapGenerator: [{name: g, files: [n.txt]}]\n"
                               "=== n.txt\na\0b\n";
    assert_refuses_bytes(tree, sizeof tree - 1,
                         "configMapGenerator[0]: ConfigMap g: the value of \"n.txt\" is text with "
                         "a NUL byte in it");
}

// kustomize's notes on earlier names would come along; ours are in the annotations while a JSON
// patch is at work.
static void test_habits_copied_metadata_has_no_notes(void **state)
{
    (void)state;
    assert_builds("=== kustomization.yaml\nresources: [base]\n"
                  "patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"copy\", \"from\": "
                  "\"/metadata\", \"path\": \"/copied\"}]'}]\n"
                  "=== base/kustomization.yaml\nnamePrefix: p-\nresources: [a.yaml]\n"
                  "=== base/a.yaml\napiVersion: v1\nkind: ConfigMap\n"
                  "metadata: {name: a, annotations: {q: r}}\n",
                  "apiVersion: v1\ncopied:\n  annotations:\n    q: r\n  name: p-a\n"
                  "kind: ConfigMap\nmetadata:\n  annotations:\n    q: r\n  name: p-a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_habits_folded_text_is_written_and_read_once_more),
        cmocka_unit_test(test_habits_folded_place_folds_what_is_put_there),
        cmocka_unit_test(test_habits_one_text_takes_the_style_of_what_it_overwrites),
        cmocka_unit_test(test_habits_last_of_one_label_wins),
        cmocka_unit_test(test_habits_patch_leaves_null_where_no_version_was),
        cmocka_unit_test(test_habits_quotes_change_no_label),
        cmocka_unit_test(test_habits_next_lines_fold),
        cmocka_unit_test(test_habits_brackets_put_more_into_quotes),
        cmocka_unit_test(test_habits_generators_merge_into_text),
        cmocka_unit_test(test_habits_name_keeps_its_quotes_in_a_text),
        cmocka_unit_test(test_habits_first_note_of_an_origin_leaves_numbers),
        cmocka_unit_test(test_habits_notes_of_earlier_builds_are_dropped),
        cmocka_unit_test(test_habits_configuration_of_functions_is_no_object),
        cmocka_unit_test(test_habits_mark_of_a_windows_editor_escapes_the_text),
        cmocka_unit_test(test_habits_words_get_quotes_from_a_json_patch),
        cmocka_unit_test(test_habits_first_document_of_a_kustomization_counts),
        cmocka_unit_test(test_habits_names_and_tags_look_like_other_things),
        cmocka_unit_test(test_habits_quoted_truth_is_text),
        cmocka_unit_test(test_habits_lists_are_read_in_two_ways),
        cmocka_unit_test(test_habits_validator_leaves_its_label),
        cmocka_unit_test(test_habits_empty_annotations_take_what_is_created),
        cmocka_unit_test(test_habits_earlier_names_keep_their_scope),
        cmocka_unit_test(test_habits_vars_meet_a_merge_in_a_list),
        cmocka_unit_test(test_habits_generated_text_holds_no_nul),
        cmocka_unit_test(test_habits_copied_metadata_has_no_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
